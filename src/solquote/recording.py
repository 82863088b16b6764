"""Captures pools with every account they depend on, from an RPC node, as one recorded file.

All accounts are read again together whenever a pool has named further ones, so that what is written is of one slot as
long as it fits one request; `provenance.note` says so where it did not.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from quote_core.dex.pool import Account, Pool
from quote_core.dex.programs import decode_pool
from quote_core.dex.recorded import load_accounts, recorded_pool_document
from quote_core.errors import InvalidField
from quote_core.quotes import Provenance
from quote_core.solana.accounts import AccountUpdate
from quote_core.solana.sysvar import CLOCK_SYSVAR, decode_clock
from quote_core.units import Pubkey

__all__ = ["ReadAccounts", "ReadProvenance", "capture"]

ReadAccounts = Callable[[Sequence[Pubkey]], Awaitable[list[AccountUpdate]]]
ReadProvenance = Callable[[Sequence[Pubkey]], Awaitable[Mapping[Pubkey, Provenance]]]

_ROUND_COUNT_MAX: Final = 8
"""A pool names further accounts two or three times: configuration, then arrays around its price, then their ends."""


async def capture(
    addresses: Sequence[Pubkey], read: ReadAccounts, read_provenance: ReadProvenance, *, source: str
) -> dict[str, Any]:
    """Read pools and all that they need, and give the file's JSON value.

    Args:
        addresses: Pools of one DEX.
        read: Reads accounts; those of one request are of one slot.
        read_provenance: Says where the node has them from.
        source: Where that is, for `provenance`.

    Raises:
        InvalidField: An address holds no account, or the pools are of several DEXes.
        CorruptAccount: An account is not what it should be, or no pool of a supported DEX.
        RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully.
    """
    wanted = list(dict.fromkeys([*addresses, CLOCK_SYSVAR]))
    for _ in range(_ROUND_COUNT_MAX):
        updates = await read(wanted)
        known = {update.pubkey: update.account for update in updates}
        accounts = {pubkey: account for pubkey, account in known.items() if account is not None}
        pools = [_open(address, known) for address in addresses]
        needed = [need.pubkey for pool in pools for need in pool.accounts_needed()]
        missing = [pubkey for pubkey in dict.fromkeys(needed) if pubkey not in wanted]
        if not missing:
            break
        wanted += missing
    if len({pool.dex for pool in pools}) > 1:
        raise InvalidField("POOL", f"one file holds pools of one DEX, not {', '.join(p.dex.label for p in pools)}")
    slots = sorted({update.slot for update in updates})
    provenance = await read_provenance([pubkey for pubkey in accounts if pubkey != CLOCK_SYSVAR])
    clock = decode_clock(accounts[CLOCK_SYSVAR])
    document = recorded_pool_document(
        pools[0], known, slot=slots[-1], provenance=_provenance(source, slots, provenance)
    )
    document["roles"]["pools"] = list(addresses)
    document["clock"] = {"slot": clock.slot, "unix_timestamp": clock.unix_timestamp, "epoch": clock.epoch}
    return document


def _open(address: Pubkey, accounts: Mapping[Pubkey, Account | None]) -> Pool:
    account = accounts.get(address)
    if account is None:
        raise InvalidField("POOL", f"there is no account {address} on this chain")
    pool = decode_pool(address, account)
    load_accounts(pool, accounts)
    return pool


def _provenance(source: str, slots: Sequence[int], provenance: Mapping[Pubkey, Provenance]) -> dict[str, Any]:
    made = sorted(pubkey for pubkey, one in provenance.items() if one in (Provenance.SYNTHETIC, Provenance.PATCHED))
    notes = [] if len(slots) == 1 else [f"accounts are of slots {slots[0]} to {slots[-1]}: more than one request holds"]
    notes += [f"synthetic or patched: {', '.join(made)}"] if made else []
    return {"source": source, "real": not made, "note": "; ".join(notes)}
