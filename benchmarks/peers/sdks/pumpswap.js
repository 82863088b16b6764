// PumpSwap: `sellBaseInput` and `buyQuoteInput`, the SDK's pure functions, on state fetched by the SDK itself.

import { OnlinePumpAmmSdk, buyQuoteInput, sellBaseInput } from "@pump-fun/pump-swap-sdk";
import { PublicKey } from "@solana/web3.js";
import BN from "bn.js";

export async function open(recording) {
  const sdk = new OnlinePumpAmmSdk(recording.connection);
  const state = await sdk.swapSolanaState(new PublicKey(recording.pool), PublicKey.default);
  const { pool } = state;
  const market = {
    slippage: 0,
    baseReserve: state.poolBaseAmount,
    quoteReserve: state.poolQuoteAmount,
    virtualQuoteReserves: pool.virtualQuoteReserves,
    globalConfig: state.globalConfig,
    feeConfig: state.feeConfig,
    baseMintAccount: state.baseMintAccount,
    baseMint: pool.baseMint,
    quoteMint: pool.quoteMint,
    coinCreator: pool.coinCreator,
    creator: pool.creator,
    isMayhemMode: pool.isMayhemMode,
    creatorFeeBps: pool.creatorFeeBps,
  };
  return {
    toAmount: (text) => new BN(text),
    quote: (aToB, amount) =>
      aToB ? sellBaseInput({ ...market, base: amount }) : buyQuoteInput({ ...market, quote: amount }),
    amountOut: (quoted) => (quoted.uiQuote ?? quoted.base).toString(),
  };
}
