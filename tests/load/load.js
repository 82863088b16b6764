// One profile of load. `python tests/load` runs this with the environment it needs, and makes a report of SUMMARY.

import { setPairs } from "./calls.js";

export { freshStream, grpcQuote, heldStream, httpBatch, httpQuote } from "./calls.js";

const { PROFILE, RATE, SECONDS, SUMMARY, THRESHOLDS } = __ENV;
const rate = Number(RATE);
const seconds = Number(SECONDS);

const arriving = (exec, perSecond, forS = seconds, startS = 0) => ({
  exec,
  executor: "constant-arrival-rate",
  rate: Math.max(1, Math.round(perSecond)),
  duration: `${forS}s`,
  startTime: `${startS}s`,
  preAllocatedVUs: 20,
  maxVUs: 100,
});

const held = (count) => ({
  exec: "heldStream",
  executor: "per-vu-iterations",
  vus: count,
  iterations: 1,
  maxDuration: `${seconds + 30}s`,
});

const PROFILES = {
  unary: () => ({ grpc: arriving("grpcQuote", rate), http: arriving("httpQuote", rate, seconds, seconds) }),
  batch: () => ({ batch: arriving("httpBatch", rate / 40) }),
  stream: () => ({
    fresh: { exec: "freshStream", executor: "per-vu-iterations", vus: 1, iterations: seconds, maxDuration: "10m" },
  }),
  spike: () => ({
    before: arriving("grpcQuote", rate / 4),
    spike: arriving("grpcQuote", rate * 3, seconds, seconds),
    after: arriving("grpcQuote", rate / 4, seconds, 2 * seconds),
  }),
  soak: () => ({ grpc: arriving("grpcQuote", rate), streams: held(20) }),
  mixed: () => ({
    grpc: arriving("grpcQuote", rate / 2),
    http: arriving("httpQuote", rate / 2),
    batch: arriving("httpBatch", rate / 100),
    streams: held(5),
  }),
};

export const options = {
  scenarios: PROFILES[PROFILE](),
  thresholds: JSON.parse(open(THRESHOLDS))[PROFILE],
  summaryTrendStats: ["min", "med", "p(95)", "p(99)", "max"],
  setupTimeout: "30s",
};

export const setup = () => (PROFILE === "stream" ? setPairs() : null);

export const handleSummary = (data) => ({ [SUMMARY]: JSON.stringify(data) });
