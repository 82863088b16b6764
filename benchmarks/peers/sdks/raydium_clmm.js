// Raydium CLMM: `swapInternal`, the SDK's swap simulation, over the tick arrays of the recording. `computeAmountOut`
// around it gives the same amounts some fifty times slower: it adds prices, impact and the accounts of the instruction.

import {
  MAX_SQRT_PRICE_X64,
  MIN_SQRT_PRICE_X64,
  TickArrayUtil,
  swapInternal,
} from "@raydium-io/raydium-sdk-v2";
import { PublicKey } from "@solana/web3.js";
import BN from "bn.js";

import { loadRaydium } from "./raydium.js";

export async function open(recording) {
  const { clmm } = await loadRaydium(recording);
  const clmmPoolsRpcInfo = await clmm.getRpcClmmPoolInfos({ poolIds: [recording.pool] });
  const { mintA, mintB } = clmmPoolsRpcInfo[recording.pool];
  const programOf = (mint) => ({ programId: recording.accounts.get(mint.toBase58()).owner });
  const { computeClmmPoolInfo, computePoolTickData } = await clmm.getComputeClmmPoolInfos({
    clmmPoolsRpcInfo,
    mintInfos: Object.fromEntries([mintA, mintB].map((mint) => [mint.toBase58(), programOf(mint)])),
  });
  const pool = computeClmmPoolInfo[recording.pool];
  const tickArrays = Object.values(computePoolTickData[recording.pool])
    .map((value) => ({ address: value.address, value }))
    .sort((left, right) => left.value.startTickIndex - right.value.startTickIndex);
  const current = TickArrayUtil.getTickArrayStartIndex(pool.tickCurrent, pool.tickSpacing);
  const walks = {
    down: tickArrays.filter(({ value }) => value.startTickIndex <= current).reverse(),
    up: tickArrays.filter(({ value }) => value.startTickIndex >= current),
  };
  return {
    toAmount: (text) => new BN(text),
    quote: (aToB, amountIn) =>
      swapInternal({
        programId: pool.programId,
        poolId: new PublicKey(recording.pool),
        poolInfo: pool.accInfo,
        tickArrays: aToB ? walks.down : walks.up,
        configInfo: pool.ammConfig,
        tickarrayBitmapExtension: pool.exBitmapInfo,
        amountSpecified: amountIn,
        sqrtPriceLimitX64: aToB ? MIN_SQRT_PRICE_X64.addn(1) : MAX_SQRT_PRICE_X64.subn(1),
        zeroForOne: aToB,
        isBaseInput: true,
        blockTimestamp: recording.clock.unixTimestamp,
        includeExtraTickArrays: false,
      }),
    amountOut: (quoted) => (quoted.allTrade ? quoted.amountCalculated.toString() : null),
  };
}
