// Where the platform listens and what it watches.

export const AGGREGATOR = __ENV.AGGREGATOR || "127.0.0.1:50051";
export const LOCAL_QUOTE = __ENV.LOCAL_QUOTE || "127.0.0.1:50052";
export const HTTP_API = __ENV.HTTP_API || "http://127.0.0.1:8080";

/** Plain-text gRPC; the services describe themselves by reflection. */
export const CONNECT = { plaintext: true, reflect: true };

const registry = JSON.parse(open("../../config/tokens.json"));
const tokens = Object.fromEntries(registry.tokens.map((token) => [token.symbol, token]));

/** Watched pairs as {base, quote}, tokens in full. */
export const PAIRS = registry.pairs
  .filter((pair) => pair.enabled !== false)
  .map((pair) => ({ base: tokens[pair.base], quote: tokens[pair.quote] }));

export const SOL = tokens.SOL.mint;
export const USDC = tokens.USDC.mint;

/** Ten amounts a decade, as watched by default, from `10 ** firstExponent` lamports on. */
export function geometricAmounts(count, firstExponent) {
  return Array.from({ length: count }, (_, step) => {
    const mantissa = Math.round(100 * 10 ** ((step % 10) / 10));
    return mantissa * 10 ** (firstExponent - 2 + Math.floor(step / 10));
  });
}
