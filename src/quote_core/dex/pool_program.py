"""What the directory knows of one DEX program: how to open its pools, and how to find them on chain."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.layout import AccountLayout, IntField, KeyField
from quote_core.dex.pool import Account, Dex, Pool
from quote_core.units import Pubkey

__all__ = ["MemoryCompare", "PoolFilter", "PoolProgram"]


@dataclass(frozen=True, slots=True)
class MemoryCompare:
    """Bytes an account must hold at an offset."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class PoolFilter:
    """One `getProgramAccounts` question that finds pools; `size_bytes` is None where sizes vary."""

    program_id: Pubkey
    dex: Dex
    size_bytes: int | None
    compares: tuple[MemoryCompare, ...]

    def rpc_filters(self) -> list[dict[str, Any]]:
        """Give the `filters` parameter of the RPC call."""
        sizes = [] if self.size_bytes is None else [{"dataSize": self.size_bytes}]
        return [*sizes, *map(_rpc_memcmp, self.compares)]

    def matches(self, account: Account) -> bool:
        """Answer the same question for an account in hand."""
        return (
            account.owner == self.program_id
            and self.size_bytes in (None, len(account.data))
            and all(account.data.startswith(compare.data, compare.offset) for compare in self.compares)
        )


def _rpc_memcmp(compare: MemoryCompare) -> dict[str, Any]:
    encoded = base64.b64encode(compare.data).decode()
    return {"memcmp": {"offset": compare.offset, "bytes": encoded, "encoding": "base64"}}


@dataclass(frozen=True, slots=True)
class PoolProgram:
    """One DEX: its program ids, the layout of its pool account, and how to open a pool.

    `next_fields` names the integers of the pool account that a recorded `next` state speaks of.
    """

    dex: Dex
    layout: AccountLayout
    mint_a: KeyField
    mint_b: KeyField
    open_pool: Callable[[Pubkey, Account], Pool]
    next_fields: Mapping[str, IntField] = field(default_factory=dict)

    def pool_filters(self, mint_a: Pubkey, mint_b: Pubkey) -> Iterator[PoolFilter]:
        """Yield the filters that find this DEX's pools of two mints, in both mint orders."""
        layout = self.layout
        size_bytes = layout.size_bytes_min if layout.size_bytes_min == layout.size_bytes_max else None
        marks = (MemoryCompare(0, layout.discriminator),) if layout.discriminator else ()
        for program_id in sorted(layout.owners):
            for first, second in ((mint_a, mint_b), (mint_b, mint_a)):
                mints = (_is_key(self.mint_a, first), _is_key(self.mint_b, second))
                yield PoolFilter(program_id, self.dex, size_bytes, marks + mints)


def _is_key(key_field: KeyField, pubkey: Pubkey) -> MemoryCompare:
    return MemoryCompare(key_field.offset, bytes(SoldersPubkey.from_string(pubkey)))
