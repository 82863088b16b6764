// Orca Whirlpool: `swapQuoteByInputToken` of the WebAssembly core. Accounts are decoded once, by the official client;
// every call hands the decoded pool and tick arrays over to WebAssembly, which is how this SDK is meant to be used.

import { getTickArrayDecoder, getWhirlpoolDecoder } from "@orca-so/whirlpools-client";
import { swapQuoteByInputToken } from "@orca-so/whirlpools-core";

const FIXED_TICK_ARRAY_SIZE_BYTES = 9988;

export async function open(recording) {
  const whirlpool = getWhirlpoolDecoder().decode(recording.accounts.get(recording.pool).data);
  const tickArrays = [...recording.accounts.values()]
    .filter(({ data }) => data.length === FIXED_TICK_ARRAY_SIZE_BYTES)
    .map(({ data }) => getTickArrayDecoder().decode(data))
    .sort((left, right) => left.startTickIndex - right.startTickIndex);
  const timestamp = BigInt(recording.clock.unixTimestamp);
  return {
    toAmount: (text) => BigInt(text),
    quote: (aToB, amountIn) => swapQuoteByInputToken(amountIn, aToB, 0, whirlpool, undefined, tickArrays, timestamp),
    amountOut: (quoted) => quoted.tokenEstOut.toString(),
  };
}
