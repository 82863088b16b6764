// Meteora DLMM: `DLMM.swapQuote` over the bin arrays of the recording. It reads the wall clock for the variable fee,
// so the caller sets that to the chain's time of the run.

import { createRequire } from "node:module";

import { PublicKey } from "@solana/web3.js";
import BN from "bn.js";

// The package's ES module build imports a directory, which Node refuses; this is the other build.
const DLMM = createRequire(import.meta.url)("@meteora-ag/dlmm");

export async function open(recording) {
  const pool = await DLMM.create(recording.connection, new PublicKey(recording.pool));
  const binArrays = await pool.getBinArrays();
  const slippageBps = new BN(0);
  return {
    toAmount: (text) => new BN(text),
    quote: (aToB, amountIn) => pool.swapQuote(amountIn, aToB, slippageBps, binArrays),
    amountOut: (quoted) => quoted.outAmount.toString(),
  };
}
