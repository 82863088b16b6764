"""Recorded pools: the file format of account snapshots, read and written.

A file is `{dex, provenance, slot, accounts: {pubkey: {owner, lamports, data_base64, executable}}, roles}`; an account
that is `null` was asked for and does not exist on chain, one that is not named is unknown. Further keys are kept by
whoever made the file and ignored here. `provenance.real` is false where bytes were derived from a real account. Reading
files from disk is the caller's.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quote_core.dex.pool import Account, Pool
from quote_core.errors import LayoutMismatch
from quote_core.units import Pubkey

__all__ = ["RecordedPool", "load_accounts", "parse_recorded_pool", "recorded_pool_document"]


@dataclass(frozen=True, slots=True)
class RecordedPool:
    """Accounts of one pool as they were at one time.

    `absent` are those the chain answered for with nothing; an account that is in neither is unknown.
    """

    dex_label: str
    slot: int | None
    accounts: Mapping[Pubkey, Account]
    roles: Mapping[str, Any]
    provenance: Mapping[str, Any]
    absent: frozenset[Pubkey] = frozenset()

    @property
    def known(self) -> Mapping[Pubkey, Account | None]:
        """All that is known, absent accounts as None."""
        return {**dict.fromkeys(self.absent), **self.accounts}

    @property
    def is_real(self) -> bool:
        """False where bytes were derived to reach a feature."""
        return bool(self.provenance.get("real", False))


def parse_recorded_pool(document: object, *, name: str) -> RecordedPool:
    """Read a recorded pool from its JSON value.

    Args:
        document: The decoded JSON.
        name: What to call the file in an error.

    Raises:
        LayoutMismatch: Not of this format; says where.
    """
    if not isinstance(document, dict) or not isinstance(document.get("accounts"), dict):
        raise LayoutMismatch(name, "is not a recorded pool: it has no `accounts`")
    accounts = {
        Pubkey(pubkey): _parse_account(entry, name=f"{name}: account {pubkey}")
        for pubkey, entry in document["accounts"].items()
        if entry is not None
    }
    return RecordedPool(
        dex_label=str(document.get("dex", "")),
        slot=document.get("slot"),
        accounts=accounts,
        roles=document.get("roles") or {},
        provenance=document.get("provenance") or {},
        absent=frozenset(Pubkey(pubkey) for pubkey, entry in document["accounts"].items() if entry is None),
    )


def _parse_account(entry: object, *, name: str) -> Account:
    try:
        if not isinstance(entry, dict):
            raise TypeError("not an object")
        data = base64.b64decode(entry["data_base64"], validate=True)
        return Account(owner=Pubkey(str(entry["owner"])), data=data, lamports=int(entry.get("lamports", 0)))
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise LayoutMismatch(name, f"needs owner, lamports and data_base64 ({error!r})") from None


def recorded_pool_document(
    pool: Pool, accounts: Mapping[Pubkey, Account | None], *, slot: int, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Write a pool and its accounts, None where absent, in the format `parse_recorded_pool` reads."""
    return {
        "dex": pool.dex.label,
        "provenance": dict(provenance),
        "slot": slot,
        "accounts": {
            pubkey: account
            and {
                "owner": account.owner,
                "lamports": account.lamports,
                "data_base64": base64.b64encode(account.data).decode(),
                "executable": False,
            }
            for pubkey, account in sorted(accounts.items())
        },
        "roles": {"pool": pool.address, "mint_a": pool.mint_a, "mint_b": pool.mint_b},
    }


def load_accounts(pool: Pool, accounts: Mapping[Pubkey, Account] | Mapping[Pubkey, Account | None]) -> None:
    """Hand a pool every account it asks for and the snapshot knows, absent ones too, until it asks for no more of them.

    Raises:
        CorruptAccount: One of them cannot be right.
    """
    applied: set[Pubkey] = set()
    while wanted := [
        need.pubkey for need in pool.accounts_needed() if need.pubkey in accounts and need.pubkey not in applied
    ]:
        for pubkey in wanted:
            pool.apply(pubkey, accounts[pubkey])
        applied.update(wanted)
