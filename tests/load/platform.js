// Where the platform listens and what it watches.

export const AGGREGATOR = __ENV.AGGREGATOR || "127.0.0.1:50051";
export const LOCAL_QUOTE = __ENV.LOCAL_QUOTE || "127.0.0.1:50052";
export const HTTP_API = __ENV.HTTP_API || "http://127.0.0.1:8080";

/** Who asks, in metadata and in headers; nobody in particular where the platform asks for no token. */
const shown = __ENV.TOKEN_FILE ? { authorization: `Bearer ${open(__ENV.TOKEN_FILE).trim()}` } : null;
export const GRPC_CALL = shown ? { metadata: shown } : {};
export const HTTP_HEADERS = shown || {};

/** The services describe themselves by reflection. With TLS, k6 believes whom SSL_CERT_FILE names. */
export const CONNECT = {
  plaintext: !__ENV.TLS, // not SSL_CERT_FILE, which a machine may have for other reasons
  reflect: true,
  ...(shown ? { reflectMetadata: shown } : {}),
};

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
