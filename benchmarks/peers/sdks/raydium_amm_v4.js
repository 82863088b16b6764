// Raydium AMM V4: `Liquidity.computeAmountOut`, which besides the amount gives prices and impact.

import BN from "bn.js";

import { loadRaydium } from "./raydium.js";

export async function open(recording) {
  const { liquidity } = await loadRaydium(recording);
  const state = await liquidity.getRpcPoolInfo(recording.pool);
  const mint = (address, decimals) => ({ address: address.toBase58(), decimals: decimals.toNumber() });
  const poolInfo = {
    version: 4,
    mintA: mint(state.baseMint, state.baseDecimal),
    mintB: mint(state.quoteMint, state.quoteDecimal),
    baseReserve: state.baseReserve,
    quoteReserve: state.quoteReserve,
  };
  const mints = [poolInfo.mintA.address, poolInfo.mintB.address];
  return {
    toAmount: (text) => new BN(text),
    quote: (aToB, amountIn) =>
      liquidity.computeAmountOut({
        poolInfo,
        amountIn,
        mintIn: mints[aToB ? 0 : 1],
        mintOut: mints[aToB ? 1 : 0],
        slippage: 0,
      }),
    amountOut: (quoted) => quoted.amountOut.toString(),
  };
}
