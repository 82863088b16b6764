// Raydium CPMM: the SDK's curve alone, which is its fastest way to an amount.

import { CurveCalculator } from "@raydium-io/raydium-sdk-v2";
import BN from "bn.js";

import { loadRaydium } from "./raydium.js";

export async function open(recording) {
  const { cpmm } = await loadRaydium(recording);
  const state = await cpmm.getRpcPoolInfo(recording.pool, true);
  const config = state.configInfo;
  const creatorFeeRate = state.enableCreatorFee ? config.creatorFeeRate : new BN(0);
  return {
    toAmount: (text) => new BN(text),
    quote: (aToB, amountIn) =>
      CurveCalculator.swapBaseInput(
        amountIn,
        aToB ? state.baseReserve : state.quoteReserve,
        aToB ? state.quoteReserve : state.baseReserve,
        config.tradeFeeRate,
        creatorFeeRate,
        config.protocolFeeRate,
        config.fundFeeRate,
        state.feeOn === 0 || (state.feeOn === 1) === aToB,
      ),
    amountOut: (quoted) => quoted.outputAmount.toString(),
  };
}
