"""What the directory knows of one DEX program: how to open its pools, find them on chain, and check them."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from quote_core.dex.layout import AccountLayout, IntField, KeyField, key_bytes
from quote_core.dex.pool import Account, Dex, Pool, Swap
from quote_core.units import Pubkey

__all__ = ["MathTable", "MemoryCompare", "PoolFilter", "PoolProgram"]


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
class MathTable:
    """A function checked against a table: `result` is what it makes of the row's `arguments`."""

    arguments: tuple[str, ...]
    result: str
    function: Callable[..., int]


def _no_amounts(swap: Swap) -> Mapping[str, int]:
    return {}


@dataclass(frozen=True, slots=True)
class PoolProgram:
    """One DEX: its program ids, the layout of its pool account, how to open a pool, and what checks it.

    The last four are for `replay`, which compares what vector files say beyond the amounts of a swap: `next_fields`
    names integers of the pool account as they are after the swap, `named_amounts` gives further amounts of a swap by
    the file's names, `math_tables` are the functions of table rows by their `kind`, and `published_case` answers one
    of the program's own unit-test cases in the shape of its `expectation` (`exception` alone if refused).
    """

    dex: Dex
    layout: AccountLayout
    mint_a: KeyField
    mint_b: KeyField
    open_pool: Callable[[Pubkey, Account], Pool]
    next_fields: Mapping[str, IntField] = field(default_factory=dict)
    named_amounts: Callable[[Swap], Mapping[str, int]] = _no_amounts
    math_tables: Mapping[str, MathTable] = field(default_factory=dict)
    published_case: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None

    def pool_filters(self, mint_a: Pubkey, mint_b: Pubkey) -> Iterator[PoolFilter]:
        """Yield the filters that find this DEX's pools of two mints, in both mint orders."""
        for first, second in ((mint_a, mint_b), (mint_b, mint_a)):
            yield from self._filters(_is_key(self.mint_a, first), _is_key(self.mint_b, second))

    def token_filters(self, mint: Pubkey) -> Iterator[PoolFilter]:
        """Yield the filters that find this DEX's pools of a mint and any other, on either side."""
        for side in (self.mint_a, self.mint_b):
            yield from self._filters(_is_key(side, mint))

    def mints_of(self, account: Account) -> tuple[Pubkey, Pubkey] | None:
        """Read the mints of what may be a pool; None where it is too short to be one."""
        if len(account.data) < self.layout.size_bytes_min:
            return None
        return self.mint_a.read(account.data), self.mint_b.read(account.data)

    def _filters(self, *compares: MemoryCompare) -> Iterator[PoolFilter]:
        layout = self.layout
        size_bytes = layout.size_bytes_min if layout.size_bytes_min == layout.size_bytes_max else None
        marks = (MemoryCompare(0, layout.discriminator),) if layout.discriminator else ()
        for program_id in sorted(layout.owners):
            yield PoolFilter(program_id, self.dex, size_bytes, marks + compares)


def _is_key(key_field: KeyField, pubkey: Pubkey) -> MemoryCompare:
    return MemoryCompare(key_field.offset, key_bytes(pubkey))
