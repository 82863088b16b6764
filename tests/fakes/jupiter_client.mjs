// Asks a server for quotes with Jupiter's own npm client and prints what it understood, as one JSON document.
// Arguments: base path, input mint, output mint, folder with node_modules.
import { createRequire } from "node:module";

const [basePath, inputMint, outputMint, folder] = process.argv.slice(2);
const { Configuration, SwapApi } = createRequire(`${folder}/`)("@jup-ag/api");
const jupiter = new SwapApi(new Configuration({ basePath }));

// The platform's deadlines are milliseconds, which a busy machine misses: 504 says so. Who runs this bounds it.
async function quote(asked) {
  for (;;) {
    try {
      return await jupiter.quoteGet(asked);
    } catch (error) {
      if (error.response?.status !== 504) throw error;
    }
  }
}

async function refusal(call) {
  try {
    await call;
  } catch (error) {
    return { status: error.response.status, ...(await error.response.json()) };
  }
  return null;
}

const asked = { inputMint, outputMint, amount: 1000000000, slippageBps: 50 };
const exactIn = await quote({
  ...asked, restrictIntermediateTokens: true, onlyDirectRoutes: false, asLegacyTransaction: false, maxAccounts: 64,
});
console.log(JSON.stringify({
  exactIn,
  exactOut: await quote({ ...asked, amount: 100000000, swapMode: "ExactOut" }),
  raydium: await quote({ ...asked, dexes: ["Raydium CP", "raydium_clmm"] }),
  withFee: await quote({ ...asked, platformFeeBps: 30 }),
  lean: await quote({ ...asked, maxAccounts: 20 }),
  everything: await quote({
    ...asked, swapMode: "ExactIn", dexes: ["Whirlpool", "Raydium CLMM"], excludeDexes: ["Raydium CLMM"],
    restrictIntermediateTokens: false, onlyDirectRoutes: true, asLegacyTransaction: true, platformFeeBps: 0,
    maxAccounts: 40, instructionVersion: "V2", dynamicSlippage: false,
  }),
  labels: await jupiter.programIdToLabelGet(),
  noAccounts: await refusal(quote({ ...asked, maxAccounts: 17 })),
  dynamic: await refusal(quote({ ...asked, dynamicSlippage: true })),
  unknownDex: await refusal(quote({ ...asked, dexes: ["Orca V2"] })),
  swap: await refusal(jupiter.swapPost({ swapRequest: { userPublicKey: inputMint, quoteResponse: exactIn } })),
  instructions: await refusal(
    jupiter.swapInstructionsPost({ swapRequest: { userPublicKey: inputMint, quoteResponse: exactIn } }),
  ),
}));
