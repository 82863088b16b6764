// Asks a server for quotes with Jupiter's own npm client and prints what it understood, as one JSON document.
// Arguments: base path, input mint, output mint, folder with node_modules.
import { createRequire } from "node:module";

const [basePath, inputMint, outputMint, folder] = process.argv.slice(2);
const { Configuration, SwapApi } = createRequire(`${folder}/`)("@jup-ag/api");
const jupiter = new SwapApi(new Configuration({ basePath }));

async function refusal(call) {
  try {
    await call;
  } catch (error) {
    return { status: error.response.status, ...(await error.response.json()) };
  }
  return null;
}

const asked = { inputMint, outputMint, amount: 1000000000, slippageBps: 50 };
const exactIn = await jupiter.quoteGet({
  ...asked, restrictIntermediateTokens: true, onlyDirectRoutes: false, asLegacyTransaction: false, maxAccounts: 64,
});
console.log(JSON.stringify({
  exactIn,
  exactOut: await jupiter.quoteGet({ ...asked, amount: 100000000, swapMode: "ExactOut" }),
  raydium: await jupiter.quoteGet({ ...asked, dexes: ["Raydium CP", "raydium_clmm"] }),
  labels: await jupiter.programIdToLabelGet(),
  noAccounts: await refusal(jupiter.quoteGet({ ...asked, maxAccounts: 20 })),
  swap: await refusal(jupiter.swapPost({ swapRequest: { userPublicKey: inputMint, quoteResponse: exactIn } })),
}));
