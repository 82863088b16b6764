// A recorded pool, read and handed out the way the SDKs ask a node for accounts.

import { readFileSync } from "node:fs";

import { PublicKey, SYSVAR_CLOCK_PUBKEY } from "@solana/web3.js";
import bs58 from "bs58";

/** Reads one file of tests/golden/pools; `clock` is the chain's time, which a recording leaves open. */
export function readRecording(path, clock) {
  const document = JSON.parse(readFileSync(path, "utf8"));
  const accounts = new Map(
    Object.entries(document.accounts).map(([address, entry]) => [
      address,
      {
        data: Buffer.from(entry.data_base64, "base64"),
        owner: new PublicKey(entry.owner),
        lamports: entry.lamports,
        executable: entry.executable,
        rentEpoch: 0,
      },
    ]),
  );
  accounts.set(SYSVAR_CLOCK_PUBKEY.toBase58(), clockAccount(clock));
  return { pool: document.roles.pool, accounts, connection: new RecordedConnection(accounts), clock };
}

/** The three calls of web3.js' `Connection` the SDKs make; an account that is not in the recording does not exist. */
class RecordedConnection {
  constructor(accounts) {
    this.accounts = accounts;
  }

  async getAccountInfo(address) {
    return this.accounts.get(address.toBase58()) ?? null;
  }

  async getMultipleAccountsInfo(addresses) {
    return addresses.map((address) => this.accounts.get(address.toBase58()) ?? null);
  }

  async getProgramAccounts(program, { filters = [] } = {}) {
    return [...this.accounts]
      .filter(([, account]) => account.owner.equals(program) && filters.every((filter) => matches(account.data, filter)))
      .map(([address, account]) => ({ pubkey: new PublicKey(address), account }));
  }
}

function matches(data, { memcmp, dataSize }) {
  if (dataSize !== undefined && data.length !== dataSize) return false;
  if (memcmp === undefined) return true;
  const wanted = memcmp.encoding === "base64" ? Buffer.from(memcmp.bytes, "base64") : Buffer.from(bs58.decode(memcmp.bytes));
  return data.subarray(memcmp.offset, memcmp.offset + wanted.length).equals(wanted);
}

/** Clock sysvar: slot u64, epoch start i64, epoch u64, leader schedule epoch u64, unix time i64. No SDK reads the slot. */
function clockAccount({ unixTimestamp, epoch }) {
  const data = Buffer.alloc(40);
  data.writeBigUInt64LE(BigInt(epoch), 16);
  data.writeBigInt64LE(BigInt(unixTimestamp), 32);
  return { data, owner: PublicKey.default, lamports: 1, executable: false, rentEpoch: 0 };
}
