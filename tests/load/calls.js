// What a virtual user does, a function each; every answer is checked.

import grpc from "k6/net/grpc";
import http from "k6/http";
import { check } from "k6";
import { Counter, Trend } from "k6/metrics";

import { AGGREGATOR, CONNECT, GRPC_CALL, HTTP_API, HTTP_HEADERS, LOCAL_QUOTE, PAIRS, SOL, USDC, geometricAmounts } from "./platform.js";

const AMOUNTS = geometricAmounts(40, 8);
const BATCH_COUNT = 100;

/** Twenty small ones, then the forty watched ones, from 0.1 SOL; 15 pairs both ways make 1,800 quotes. */
const SET_AMOUNTS = geometricAmounts(60, 6);
const SET_COUNT = 2 * PAIRS.length * SET_AMOUNTS.length;
const SET_PAUSE_MS = 500;
const SET_GIVE_UP_MS = 5000;

/** How often a held stream is to hear of every quote, however quiet the market is. */
const HELD_REFRESH_MS = 1000;
const HELD_AMOUNTS = 10;

const firstMessage = new Trend("first_message_ms", true);
const firstSet = new Trend("first_set_ms", true);
const streamGap = new Trend("stream_gap_ms", true);
const refused = new Counter("refused_quotes");
const streamErrors = new Counter("stream_errors");

const client = new grpc.Client();
let isConnected = false;

/** A connection that does not come about would leave no duration, and no limit on durations would be missed. */
function connect() {
  try {
    client.connect(AGGREGATOR, CONNECT);
  } catch (error) {
    check(null, { "gRPC connects": () => false });
    throw error;
  }
}

/** One quote over gRPC. */
export function grpcQuote() {
  if (!isConnected) connect();
  isConnected = true;
  const request = { input_mint: SOL, output_mint: USDC, input_amount: String(AMOUNTS[__ITER % AMOUNTS.length]) };
  const response = client.invoke("solquote.v1.QuoteAggregatorService/GetQuote", request, GRPC_CALL);
  check(response, {
    "gRPC answers with a price": ({ status, message }) =>
      status === grpc.StatusOK && Number(message.outputAmount) > 0,
  });
}

/** One quote over HTTP. */
export function httpQuote() {
  const amount = AMOUNTS[__ITER % AMOUNTS.length];
  const url = `${HTTP_API}/v1/quote?inputMint=${SOL}&outputMint=${USDC}&amount=${amount}`;
  const response = http.get(url, { headers: HTTP_HEADERS, tags: { name: "/v1/quote" } });
  check(response, { "HTTP answers with a price": (r) => r.status === 200 && Number(r.json("outAmount")) > 0 });
}

const batchBody = JSON.stringify({
  quotes: Array.from({ length: BATCH_COUNT }, (_, index) => ({
    inputMint: SOL,
    outputMint: USDC,
    amount: String(AMOUNTS[index % AMOUNTS.length]),
  })),
});

/** A hundred quotes over HTTP. */
export function httpBatch() {
  const response = http.post(`${HTTP_API}/v1/quote/batch`, batchBody, {
    headers: { ...HTTP_HEADERS, "Content-Type": "application/json" },
    tags: { name: "/v1/quote/batch" },
  });
  check(response, {
    "a batch has all its prices": (r) =>
      r.status === 200 && r.json("quotes").filter((quote) => Number(quote.outAmount) > 0).length === BATCH_COUNT,
  });
}

/** Every pair both ways. Reverse amounts are worth the forward ones, to three digits, as the platform sets its own. */
export function setPairs() {
  const asking = new grpc.Client();
  asking.connect(LOCAL_QUOTE, CONNECT);
  const { message } = asking.invoke("solquote.v1.LocalQuoteService/GetOraclePrices", {}, GRPC_CALL);
  asking.close();
  const usd = Object.fromEntries(message.prices.map((price) => [price.mint, price.usd]));
  return PAIRS.flatMap(({ base, quote }) => {
    const price = usd[base.mint] && usd[quote.mint] ? usd[base.mint] / usd[quote.mint] : 1;
    const scale = price * 10 ** (quote.decimals - base.decimals);
    return [
      { input_mint: base.mint, output_mint: quote.mint, amounts: SET_AMOUNTS.map(String) },
      {
        input_mint: quote.mint,
        output_mint: base.mint,
        amounts: SET_AMOUNTS.map((amount) => String(Math.round(Number((amount * scale).toPrecision(3))))),
      },
    ];
  });
}

/**
 * The first set of a fresh stream. The aggregator writes it at once, as four messages; k6 takes tens of milliseconds to
 * turn each of them into objects, so the limit is put on the first message, and the last one is measured beside it.
 */
export async function freshStream(pairs) {
  const { firstMs, lastMs, quotes } = await firstQuotes(pairs);
  if (check(quotes, { "the first set is complete": (all) => all.length === SET_COUNT })) {
    firstMessage.add(firstMs);
    firstSet.add(lastMs);
  }
  refused.add(quotes.filter((quote) => quote.error).length);
  await new Promise((resolve) => setTimeout(resolve, SET_PAUSE_MS));
}

function firstQuotes(pairs) {
  return new Promise((resolve) => {
    const own = new grpc.Client();
    own.connect(AGGREGATOR, CONNECT);
    const started = Date.now();
    const seen = { firstMs: null, lastMs: null, quotes: [] };
    const stream = new grpc.Stream(own, "solquote.v1.QuoteAggregatorService/StreamBatchQuotes", GRPC_CALL);
    const finish = () => {
      clearTimeout(giveUp);
      own.close();
      resolve(seen);
    };
    const giveUp = setTimeout(finish, SET_GIVE_UP_MS);
    stream.on("data", ({ snapshot, quotes }) => {
      if (!snapshot) return;
      seen.lastMs = Date.now() - started;
      seen.firstMs ??= seen.lastMs;
      seen.quotes.push(...quotes);
      if (seen.quotes.length >= SET_COUNT) finish();
    });
    stream.on("error", finish); // what came until then is checked; closing the client ends here, too
    stream.write({ pairs, refresh_interval_ms: 60000 });
    stream.end();
  });
}

/** A stream of one pair that is held open for `HOLD_S`; how long it is silent between two messages is measured. */
export function heldStream() {
  const { base, quote } = PAIRS[__VU % PAIRS.length];
  const amounts = AMOUNTS.slice(0, HELD_AMOUNTS).map(String);
  return new Promise((resolve) => {
    const own = new grpc.Client();
    own.connect(AGGREGATOR, CONNECT);
    const stream = new grpc.Stream(own, "solquote.v1.QuoteAggregatorService/StreamBatchQuotes", GRPC_CALL);
    let heardAt = null;
    let isOver = false;
    const finish = () => {
      isOver = true;
      own.close();
      resolve();
    };
    stream.on("data", () => {
      const now = Date.now();
      if (heardAt !== null) streamGap.add(now - heardAt);
      heardAt = now;
    });
    stream.on("error", () => {
      if (isOver) return; // closing the client ends here, too
      streamErrors.add(1);
      finish();
    });
    stream.write({
      pairs: [{ input_mint: base.mint, output_mint: quote.mint, amounts }],
      refresh_interval_ms: HELD_REFRESH_MS,
    });
    stream.end();
    setTimeout(() => {
      check(heardAt, { "a held stream is heard to its end": (at) => at !== null && !isOver });
      finish();
    }, Number(__ENV.SECONDS) * 1000);
  });
}
