// Times the official SDKs on recorded pools, one after the other in one Node process.
//
// Standard input: {unix_timestamp, epoch, subjects: {<dex>: {file, amounts: {a_to_b: [text], b_to_a: [text]}}}}; one
// direction is enough. Standard output: {<dex>: {quotes_per_s, outputs: {<direction>: [text or null]}}}, null where the
// SDK refuses the amount, or {<dex>: {not_measured}} where it would not run.

import { text } from "node:stream/consumers";

import { readRecording } from "./recording.js";

const WARM_UP_MS = 500;
const ROUND_MS = 1000;
const ROUND_COUNT = 3;

async function main() {
  const { unix_timestamp: unixTimestamp, epoch, subjects } = JSON.parse(await text(process.stdin));
  Date.now = () => unixTimestamp * 1000; // the clock of SDKs that read the time themselves
  const results = {};
  for (const [dex, { file, amounts }] of Object.entries(subjects)) {
    try {
      const { open } = await import(`./sdks/${dex}.js`);
      results[dex] = measure(await open(readRecording(file, { unixTimestamp, epoch })), amounts);
    } catch (error) {
      results[dex] = { not_measured: String(error).split("\n")[0] };
    }
  }
  process.stdout.write(JSON.stringify(results));
}

function measure(sdk, amounts) {
  const outputs = {};
  const answered = [];
  for (const [direction, texts] of Object.entries(amounts)) {
    const aToB = direction === "a_to_b";
    outputs[direction] = texts.map((amountText) => {
      const amount = sdk.toAmount(amountText);
      const output = outputOrNull(sdk, aToB, amount);
      if (output !== null) answered.push([aToB, amount]);
      return output;
    });
  }
  if (answered.length === 0) throw new Error("the SDK refuses every amount");
  timeRound(sdk, answered, WARM_UP_MS);
  const rates = Array.from({ length: ROUND_COUNT }, () => timeRound(sdk, answered, ROUND_MS));
  return { quotes_per_s: rates.sort((left, right) => left - right)[ROUND_COUNT >> 1], outputs };
}

function outputOrNull(sdk, aToB, amount) {
  try {
    return sdk.amountOut(sdk.quote(aToB, amount));
  } catch {
    return null;
  }
}

/** Quotes a second over whole passes through `answered`, at least `atLeastMs` long. */
function timeRound(sdk, answered, atLeastMs) {
  const started = performance.now();
  let quoteCount = 0;
  let elapsedMs = 0;
  while (elapsedMs < atLeastMs) {
    for (const [aToB, amount] of answered) sdk.quote(aToB, amount);
    quoteCount += answered.length;
    elapsedMs = performance.now() - started;
  }
  return (quoteCount / elapsedMs) * 1000;
}

await main();
