// The first 1,800 quotes of a fresh stream: 15 pairs, both ways, 60 amounts each, 40 of them watched already.
//
//     k6 run [-e STREAMS=20] [-e AGGREGATOR=host:port] [-e LOCAL_QUOTE=host:port] tests/load/stream_first_set.js
//
// The aggregator writes the whole set at once, as four messages. k6 takes tens of milliseconds to turn each of them
// into objects, so the limit of 100 ms is put on the first message, and the last one is measured beside it.

import grpc from "k6/net/grpc";
import { check } from "k6";
import { Counter, Trend } from "k6/metrics";

import { AGGREGATOR, CONNECT, LOCAL_QUOTE, PAIRS, geometricAmounts } from "./platform.js";

const QUOTE_COUNT = 1800;
const PAUSE_MS = 500;
const GIVE_UP_MS = 5000;

/** Twenty small ones, then the forty watched ones, from 0.1 SOL. */
const AMOUNTS = geometricAmounts(60, 6);

const firstMessage = new Trend("first_message_ms", true);
const firstSet = new Trend("first_set_ms", true);
const refused = new Counter("refused_quotes");

export const options = {
  scenarios: {
    fresh_streams: { executor: "per-vu-iterations", vus: 1, iterations: Number(__ENV.STREAMS || 20), maxDuration: "2m" },
  },
  thresholds: {
    first_message_ms: ["p(95)<100"],
    first_set_ms: [`max<${GIVE_UP_MS}`],
    checks: ["rate==1"],
  },
  summaryTrendStats: ["min", "med", "p(95)", "max"],
};

/** Every pair both ways. Reverse amounts are worth the forward ones, to three digits, as the platform sets its own. */
export function setup() {
  const client = new grpc.Client();
  client.connect(LOCAL_QUOTE, CONNECT);
  const { message } = client.invoke("solquote.v1.LocalQuoteService/GetOraclePrices", {});
  client.close();
  const usd = Object.fromEntries(message.prices.map((price) => [price.mint, price.usd]));
  return PAIRS.flatMap(({ base, quote }) => {
    const price = usd[base.mint] && usd[quote.mint] ? usd[base.mint] / usd[quote.mint] : 1;
    const scale = price * 10 ** (quote.decimals - base.decimals);
    return [
      { input_mint: base.mint, output_mint: quote.mint, amounts: AMOUNTS.map(String) },
      {
        input_mint: quote.mint,
        output_mint: base.mint,
        amounts: AMOUNTS.map((amount) => String(Math.round(Number((amount * scale).toPrecision(3))))),
      },
    ];
  });
}

export default async function (pairs) {
  const client = new grpc.Client();
  client.connect(AGGREGATOR, CONNECT);
  const { firstMs, lastMs, quotes } = await firstQuotes(client, pairs);
  client.close();
  if (check(quotes, { "the first set is complete": (all) => all.length === QUOTE_COUNT })) {
    firstMessage.add(firstMs);
    firstSet.add(lastMs);
  }
  refused.add(quotes.filter((quote) => quote.error).length);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

function firstQuotes(client, pairs) {
  return new Promise((resolve) => {
    const started = Date.now();
    const seen = { firstMs: null, lastMs: null, quotes: [] };
    const stream = new grpc.Stream(client, "solquote.v1.QuoteAggregatorService/StreamBatchQuotes");
    const giveUp = setTimeout(() => resolve(seen), GIVE_UP_MS);
    const finish = () => {
      clearTimeout(giveUp);
      resolve(seen);
    };
    stream.on("data", ({ snapshot, quotes }) => {
      if (!snapshot) return;
      seen.lastMs = Date.now() - started;
      seen.firstMs ??= seen.lastMs;
      seen.quotes.push(...quotes);
      if (seen.quotes.length >= QUOTE_COUNT) finish();
    });
    stream.on("error", finish); // what came until then is checked; closing the client ends here, too
    stream.write({ pairs, refresh_interval_ms: 60000 });
    stream.end();
  });
}
