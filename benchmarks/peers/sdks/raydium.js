// What the three Raydium DEXes share: the SDK's entry object, told to ask nobody but the recording.

import { Raydium } from "@raydium-io/raydium-sdk-v2";

export function loadRaydium(recording) {
  return Raydium.load({ connection: recording.connection, disableLoadToken: true, disableFeatureCheck: true });
}
