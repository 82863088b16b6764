// The HTTP API: single quotes at a steady arrival rate, and batches of 100 beside them.
//
//     k6 run [-e RATE=200] [-e BATCH_RATE=5] [-e SECONDS=20] [-e HTTP_API=http://host:port] tests/load/http_quote.js

import http from "k6/http";
import { check } from "k6";

import { HTTP_API, SOL, USDC, geometricAmounts } from "./platform.js";

const RATE = Number(__ENV.RATE || 200);
const BATCH_RATE = Number(__ENV.BATCH_RATE || 5);
const SECONDS = Number(__ENV.SECONDS || 20);
const AMOUNTS = geometricAmounts(40, 8);
const BATCH_COUNT = 100;

const arriving = (exec, rate) => ({
  exec,
  executor: "constant-arrival-rate",
  rate,
  duration: `${SECONDS}s`,
  preAllocatedVUs: 20,
});

export const options = {
  scenarios: { single: arriving("single", RATE), batch: arriving("batch", BATCH_RATE) },
  thresholds: {
    "http_req_duration{scenario:single}": ["p(99)<10"],
    "http_req_duration{scenario:batch}": ["p(99)<50"],
    checks: ["rate==1"],
    dropped_iterations: ["count==0"],
  },
  summaryTrendStats: ["min", "med", "p(90)", "p(99)", "max"],
};

export function single() {
  const amount = AMOUNTS[__ITER % AMOUNTS.length];
  const url = `${HTTP_API}/v1/quote?inputMint=${SOL}&outputMint=${USDC}&amount=${amount}`;
  const response = http.get(url, { tags: { name: "/v1/quote" } });
  check(response, { "answers with a price": (r) => r.status === 200 && Number(r.json("outAmount")) > 0 });
}

const batchBody = JSON.stringify({
  quotes: Array.from({ length: BATCH_COUNT }, (_, index) => ({
    inputMint: SOL,
    outputMint: USDC,
    amount: String(AMOUNTS[index % AMOUNTS.length]),
  })),
});

export function batch() {
  const response = http.post(`${HTTP_API}/v1/quote/batch`, batchBody, {
    headers: { "Content-Type": "application/json" },
    tags: { name: "/v1/quote/batch" },
  });
  check(response, {
    "answers all with a price": (r) =>
      r.status === 200 && r.json("quotes").filter((quote) => Number(quote.outAmount) > 0).length === BATCH_COUNT,
  });
}
