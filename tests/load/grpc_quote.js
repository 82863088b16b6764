// Single quotes from the aggregator over gRPC, at a steady arrival rate.
//
//     k6 run [-e RATE=200] [-e SECONDS=20] [-e AGGREGATOR=host:port] tests/load/grpc_quote.js

import grpc from "k6/net/grpc";
import { check } from "k6";

import { AGGREGATOR, CONNECT, SOL, USDC, geometricAmounts } from "./platform.js";

const RATE = Number(__ENV.RATE || 200);
const SECONDS = Number(__ENV.SECONDS || 20);
const AMOUNTS = geometricAmounts(40, 8);

export const options = {
  scenarios: {
    single_quotes: {
      executor: "constant-arrival-rate",
      rate: RATE,
      duration: `${SECONDS}s`,
      preAllocatedVUs: 20,
    },
  },
  thresholds: {
    grpc_req_duration: ["p(99)<10"],
    checks: ["rate==1"],
    dropped_iterations: ["count==0"],
  },
  summaryTrendStats: ["min", "med", "p(90)", "p(99)", "max"],
};

const client = new grpc.Client();

export default function () {
  if (__ITER === 0) client.connect(AGGREGATOR, CONNECT);
  const request = { input_mint: SOL, output_mint: USDC, input_amount: String(AMOUNTS[__ITER % AMOUNTS.length]) };
  const response = client.invoke("solquote.v1.QuoteAggregatorService/GetQuote", request);
  check(response, {
    "answers with a price": ({ status, message }) => status === grpc.StatusOK && Number(message.outputAmount) > 0,
  });
}
