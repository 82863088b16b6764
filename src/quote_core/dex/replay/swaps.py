"""Swap rows: find the pool's accounts, patch them, price, compare, and carry state along a sequence.

Every exact-in row is priced twice, by `swap` and by the compiled `ladder`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from quote_core.dex.layout import IntField
from quote_core.dex.pool import Account, ChainClock, Direction, Pool, Swap, SwapMode
from quote_core.dex.programs import BY_DEX, decode_pool
from quote_core.dex.recorded import load_accounts
from quote_core.dex.replay.rows import Difference, FindPool, Row, compare
from quote_core.errors import (
    AmountOverflow,
    AmountTooSmall,
    CorruptAccount,
    ImpossibleReserves,
    LayoutMismatch,
    LiquidityNotLoaded,
    NoLiquidity,
    NotTradable,
    ReserveShort,
    SolquoteError,
    UndeterminedFill,
)
from quote_core.units import U64_MAX, Pubkey

__all__ = ["SwapReplay", "error_kind"]

_REFUSALS: Final[tuple[tuple[type[SolquoteError], str], ...]] = (
    (AmountTooSmall, "zero_amount"),
    (NoLiquidity, "insufficient_liquidity"),
    (LiquidityNotLoaded, "insufficient_liquidity_in_snapshot"),
    (ImpossibleReserves, "state_invalid"),  # before NotTradable, which it is a case of
    (CorruptAccount, "state_invalid"),
    (NotTradable, "not_tradable"),
    (ReserveShort, "reserve_account_short"),
    (UndeterminedFill, "undetermined"),
    (AmountOverflow, "overflow"),
)
"""What this code raises, and the vector files' name of it."""

_DIRECTIONS: Final[Mapping[str, Direction]] = MappingProxyType(
    {
        "a_to_b": Direction.A_TO_B,
        "b_to_a": Direction.B_TO_A,
        "base_to_quote": Direction.A_TO_B,
        "quote_to_base": Direction.B_TO_A,
    }
)
_CLOCK_OF_CLOCKLESS_VECTORS: Final = ChainClock(slot=0, unix_timestamp=0, epoch=1000)


def error_kind(error: SolquoteError) -> str:
    """Give the vector files' name of a refusal; the class name where they have none."""
    return next((kind for cls, kind in _REFUSALS if isinstance(error, cls)), type(error).__name__)


class SwapReplay:
    """Swap rows: finds the pool's accounts, patches them, prices, and carries state along a sequence."""

    def __init__(self, find_pool: FindPool) -> None:
        self._find_pool = find_pool
        self._sequence: object = None
        self._accounts: dict[Pubkey, Account | None] = {}
        self._loaded_key: object = None
        self._loaded: Pool | SolquoteError | None = None

    def check(self, row: Row) -> tuple[str, list[Difference]]:
        """Give the row's kind and what differs."""
        vector = row.vector
        program = next((program for dex, program in BY_DEX.items() if dex.label == row.dex_label), None)
        if program is None:
            supported = ", ".join(sorted(dex.label for dex in BY_DEX))
            raise LayoutMismatch(f"vector {row.index}", f"is of DEX {row.dex_label}; supported are {supported}")
        pool = self._pool(row)
        swap = self._priced(pool, vector)
        if isinstance(swap, SolquoteError):
            got: dict[str, Any] = {"error_kind": error_kind(swap), "refused": True}
        else:
            got = {"amount_in": swap.amount_in, "amount_out": swap.amount_out, "error_kind": "none"}
            got |= program.named_amounts(swap)
        expected = _expected_of_swap(vector, got)
        if vector["mode"] == SwapMode.EXACT_IN.value and isinstance(pool, Pool):  # the compiled ladder must agree
            expected["ladder"] = expected.get("amount_out", 0)
            got["ladder"] = _ladder_output(pool, vector)
        differences = compare(expected, got)
        if isinstance(pool, Pool) and isinstance(swap, Swap) and ("next" in vector or "sequence" in vector):
            differences += self._move(pool, swap, vector, program.next_fields)
        return _swap_kind(vector), differences

    def _move(
        self, pool: Pool, swap: Swap, vector: Mapping[str, Any], next_fields: Mapping[str, IntField]
    ) -> list[Difference]:
        """Compare the state after the swap, read back from the bytes written; keep it where a sequence goes on."""
        after = pool.write_swap(swap)
        data = after.get(pool.address, _held(self._accounts, pool.address).data)
        if "sequence" in vector:
            for pubkey, changed in after.items():
                self._accounts[pubkey] = replace(_held(self._accounts, pubkey), data=changed)
        return compare(vector.get("next", {}), {name: field.read(data) for name, field in next_fields.items()})

    def _pool(self, row: Row) -> Pool | SolquoteError:
        """The pool in the state the row speaks of; the last one is kept, as rows of one state come together."""
        vector = row.vector
        sequence = vector.get("sequence")
        if sequence is None or sequence != self._sequence:
            recorded = self._find_pool(row.dex_label, str(vector["pool_file"]))
            self._sequence = sequence
            key = (row.dex_label, vector["pool_file"], vector["pool"], repr(vector.get("patch")))
            if sequence is None and key == self._loaded_key and self._loaded is not None:
                return self._loaded
            self._accounts = _patched(recorded.known, vector.get("patch", ()))
            self._loaded_key = key if sequence is None else None
        self._loaded = self._open(Pubkey(vector["pool"]))
        return self._loaded

    def _open(self, pubkey: Pubkey) -> Pool | SolquoteError:
        try:
            pool = decode_pool(pubkey, _held(self._accounts, pubkey))
            load_accounts(pool, self._accounts)
        except SolquoteError as error:
            return error
        return pool

    def _priced(self, pool: Pool | SolquoteError, vector: Mapping[str, Any]) -> Swap | SolquoteError:
        if isinstance(pool, SolquoteError):
            return pool
        direction, mode = _DIRECTIONS[vector["direction"]], SwapMode(vector["mode"])
        try:
            return pool.swap(direction, mode, int(vector["amount"]), _clock_of(vector))
        except SolquoteError as error:
            return error


def _clock_of(vector: Mapping[str, Any]) -> ChainClock:
    return ChainClock(**vector["clock"]) if "clock" in vector else _CLOCK_OF_CLOCKLESS_VECTORS


def _ladder_output(pool: Pool, vector: Mapping[str, Any]) -> int:
    """What the ladder makes of the row's amount; 0 for every refusal."""
    amount = int(vector["amount"])
    if amount > U64_MAX:
        return 0
    try:
        return pool.ladder(_DIRECTIONS[vector["direction"]], [amount], _clock_of(vector))[0]
    except NotTradable:
        return 0


def _held(accounts: Mapping[Pubkey, Account | None], pubkey: Pubkey) -> Account:
    account = accounts[pubkey]
    if account is None:
        raise ValueError(f"account {pubkey} is absent")
    return account


def _patched(
    accounts: Mapping[Pubkey, Account | None], patches: Iterable[Mapping[str, Any]]
) -> dict[Pubkey, Account | None]:
    """Copy the snapshot with bytes overwritten."""
    patched = dict(accounts)
    for patch in patches:
        pubkey, offset, raw = Pubkey(patch["account"]), int(patch["offset"]), bytes.fromhex(patch["hex"])
        before = _held(patched, pubkey)
        data = before.data[:offset] + raw + before.data[offset + len(raw) :]
        patched[pubkey] = replace(before, data=data)
    return patched


def _expected_of_swap(vector: Mapping[str, Any], got: Mapping[str, Any]) -> dict[str, Any]:
    """What the row says: a refusal is its kind alone; a fill is its amounts, named ones too where the DEX has them."""
    if "error_kind" in vector:
        return {"error_kind": vector["error_kind"]}
    if "error" in vector:  # no kind: the oracle's own code, which means nothing here
        return {"refused": True}
    named = {name: vector[name] for name in got if name in vector}
    return {"error_kind": "none", "amount_in": vector["amount_in"], "amount_out": vector["amount_out"]} | named


def _swap_kind(vector: Mapping[str, Any]) -> str:
    suffixes = (
        " sequence" if "sequence" in vector else "",
        " refused" if "error" in vector or "error_kind" in vector else "",
    )
    return str(vector["mode"]) + "".join(suffixes)
