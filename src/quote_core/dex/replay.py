"""Replay of vector files: every expectation in a file of the documented format against what this code says.

Every exact-in row is priced twice, by `swap` and by the compiled `ladder`.
Pure: files come in as decoded JSON, outcomes go out as values; `solquote verify-quotes` and the golden tests do the
reading and the printing. Three kinds of row: swaps (with `patch`, `sequence`, `next`, `error_kind`), rates, and tables
of a formula. Comparison is on integers, tolerance 0.

Two marks on a row do not change the comparison but are carried to the report: `confidence: single-source` (one
implementation only) and `binary_result` (an older program build rounded dust differently; the row holds today's rule).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from quote_core.dex.lst_rates import LstRate, decode_rate
from quote_core.dex.pool import Account, ChainClock, Direction, Pool, Swap, SwapMode
from quote_core.dex.pool_program import MathTable
from quote_core.dex.programs import BY_DEX, decode_pool
from quote_core.dex.recorded import RecordedPool, load_accounts
from quote_core.errors import (
    AmountOverflow,
    AmountTooSmall,
    CorruptAccount,
    ImpossibleState,
    LayoutMismatch,
    LiquidityNotLoaded,
    NoLiquidity,
    NotTradable,
    ReserveShort,
    SolquoteError,
    UndeterminedFill,
)
from quote_core.units import U64_MAX, Pubkey

__all__ = ["Difference", "FindPool", "Outcome", "error_kind", "replay"]

FindPool = Callable[[str, str], RecordedPool]
"""Gives a recorded pool by DEX label and file name without extension."""

_REFUSALS: Final[tuple[tuple[type[SolquoteError], str], ...]] = (
    (AmountTooSmall, "zero_amount"),
    (NoLiquidity, "insufficient_liquidity"),
    (LiquidityNotLoaded, "insufficient_liquidity_in_snapshot"),
    (ImpossibleState, "state_invalid"),  # before NotTradable, which it is a case of
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
_SINGLE_SOURCE: Final = "single-source"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not as expected; both as text."""

    field: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One checked row: which, what differs, and the two marks that make a row doubtful."""

    dex_label: str
    kind: str
    index: int
    vector: Mapping[str, Any]
    differences: tuple[Difference, ...]
    single_source: bool
    older_binary_differs: bool


def error_kind(error: SolquoteError) -> str:
    """Give the vector files' name of a refusal; the class name where they have none."""
    return next((kind for cls, kind in _REFUSALS if isinstance(error, cls)), type(error).__name__)


def replay(document: object, find_pool: FindPool, *, name: str) -> Iterator[Outcome]:
    """Check every row of a vector file, in file order but with the steps of a sequence together.

    Args:
        document: The decoded JSON.
        find_pool: Where recorded pools come from.
        name: What to call the file in an error.

    Raises:
        LayoutMismatch: The file is not of the documented format, or of a DEX or table not supported here.
    """
    if not isinstance(document, dict) or not isinstance(document.get("vectors"), list):
        raise LayoutMismatch(name, "is not a vector file: it has no `vectors`")
    swaps = _SwapReplay(find_pool)
    rows = [_Row(document, index, vector) for index, vector in enumerate(document["vectors"])]
    for row in _with_sequences_together(rows):
        try:
            kind, differences = _check(row, swaps, find_pool)
        except (KeyError, TypeError, ValueError) as error:
            raise LayoutMismatch(
                f"{name}: vector {row.index}", f"is not of the documented format ({error!r})"
            ) from None
        yield Outcome(
            dex_label=row.dex_label,
            kind=kind,
            index=row.index,
            vector=row.vector,
            differences=tuple(differences),
            single_source=row.vector.get("confidence") == _SINGLE_SOURCE,
            older_binary_differs="binary_result" in row.vector,
        )


class _Row:
    """One vector with what its file says for all of them."""

    def __init__(self, document: Mapping[str, Any], index: int, vector: Mapping[str, Any]) -> None:
        self.index = index
        self.vector = vector
        self.dex_label = str(vector.get("dex", document.get("dex")))


def _with_sequences_together(rows: Iterable[_Row]) -> list[_Row]:
    """Keep file order, except that a sequence's steps follow each other, by step, at the place of its first one."""
    first_index: dict[object, int] = {}

    def place(row: _Row) -> tuple[int, int]:
        sequence = row.vector.get("sequence")
        if sequence is None:
            return row.index, 0
        return first_index.setdefault(sequence, row.index), int(row.vector["step"])

    return sorted(rows, key=place)


def _check(row: _Row, swaps: "_SwapReplay", find_pool: FindPool) -> tuple[str, list[Difference]]:
    """Give the row's kind and what differs."""
    vector = row.vector
    if "mode" in vector:
        return swaps.check(row)
    if "expectation" in vector:
        return "published case", _check_published_case(row)
    kind = str(vector["kind"])
    if kind in _RATE_CONVERSIONS:
        return kind, _check_rate(row, find_pool)
    return kind, _check_table_row(vector, _math_table(kind))


def _compare(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[Difference]:
    """Compare what is expected with what came out, as text; a name that did not come out differs."""
    return [
        Difference(field, str(value), str(actual.get(field, "absent")))
        for field, value in expected.items()
        if str(value) != str(actual.get(field, "absent"))
    ]


class _SwapReplay:
    """Swap rows: finds the pool's accounts, patches them, prices, and carries state along a sequence."""

    def __init__(self, find_pool: FindPool) -> None:
        self._find_pool = find_pool
        self._sequence: object = None
        self._accounts: dict[Pubkey, Account] = {}
        self._loaded_key: object = None
        self._loaded: Pool | SolquoteError | None = None

    def check(self, row: _Row) -> tuple[str, list[Difference]]:
        vector = row.vector
        program = next((program for dex, program in BY_DEX.items() if dex.label == row.dex_label), None)
        if program is None:
            supported = ", ".join(sorted(dex.label for dex in BY_DEX))
            raise LayoutMismatch(f"vector {row.index}", f"is of DEX {row.dex_label}; supported are {supported}")
        sequence = vector.get("sequence")
        mode = SwapMode(vector["mode"])
        pool = self._pool(row)
        actual = self._outcome(pool, vector, mode)
        if isinstance(actual, SolquoteError):
            got: dict[str, Any] = {"error_kind": error_kind(actual)}
            after: Mapping[Pubkey, bytes] = {}
        else:
            assert isinstance(pool, Pool)
            after = pool.write_swap(actual) if sequence is not None or "next" in vector else {}
            got = {"amount_in": actual.amount_in, "amount_out": actual.amount_out, "error_kind": "none"}
            got |= program.named_amounts(actual)
            if sequence is not None:
                self._carry(after)
        expected = _expected_of_swap(vector, got)
        if mode is SwapMode.EXACT_IN and isinstance(pool, Pool):  # the compiled ladder must say the same
            expected["ladder"] = expected.get("amount_out", 0)
            got["ladder"] = _ladder_output(pool, vector)
        differences = _compare(expected, got)
        if "next" in vector and not isinstance(actual, SolquoteError):
            pubkey = Pubkey(vector["pool"])
            data = after.get(pubkey, self._accounts[pubkey].data)
            state = {name: field.read(data) for name, field in program.next_fields.items()}
            differences += _compare(vector["next"], state)
        return _swap_kind(vector), differences

    def _pool(self, row: _Row) -> Pool | SolquoteError:
        """The pool in the state the row speaks of; the last one is kept, as rows of one state come together."""
        vector = row.vector
        sequence = vector.get("sequence")
        if sequence is None or sequence != self._sequence:
            recorded = self._find_pool(row.dex_label, str(vector["pool_file"]))
            self._sequence = sequence
            key = (row.dex_label, vector["pool_file"], vector["pool"], repr(vector.get("patch")))
            if sequence is None and key == self._loaded_key and self._loaded is not None:
                return self._loaded
            self._accounts = _patched(recorded.accounts, vector.get("patch", ()))
            self._loaded_key = key if sequence is None else None
        self._loaded = self._open(Pubkey(vector["pool"]))
        return self._loaded

    def _open(self, pubkey: Pubkey) -> Pool | SolquoteError:
        try:
            pool = decode_pool(pubkey, self._accounts[pubkey])
            load_accounts(pool, self._accounts)
        except SolquoteError as error:
            return error
        return pool

    def _outcome(self, pool: Pool | SolquoteError, vector: Mapping[str, Any], mode: SwapMode) -> Swap | SolquoteError:
        if isinstance(pool, SolquoteError):
            return pool
        try:
            return pool.swap(_DIRECTIONS[vector["direction"]], mode, int(vector["amount"]), _clock_of(vector))
        except SolquoteError as error:
            return error

    def _carry(self, after: Mapping[Pubkey, bytes]) -> None:
        for pubkey, data in after.items():
            before = self._accounts[pubkey]
            self._accounts[pubkey] = Account(before.owner, data, before.lamports)


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


def _patched(accounts: Mapping[Pubkey, Account], patches: Iterable[Mapping[str, Any]]) -> dict[Pubkey, Account]:
    """Copy the snapshot with bytes overwritten."""
    patched = dict(accounts)
    for patch in patches:
        pubkey, offset, raw = Pubkey(patch["account"]), int(patch["offset"]), bytes.fromhex(patch["hex"])
        before = patched[pubkey]
        data = before.data[:offset] + raw + before.data[offset + len(raw) :]
        patched[pubkey] = Account(before.owner, data, before.lamports)
    return patched


def _expected_of_swap(vector: Mapping[str, Any], got: Mapping[str, Any]) -> dict[str, Any]:
    """What the row says: a refusal is its kind alone; a fill is its amounts, named ones too where the DEX has them."""
    if "error_kind" in vector:
        return {"error_kind": vector["error_kind"]}
    named = {name: vector[name] for name in got if name in vector}
    return {"error_kind": "none", "amount_in": vector["amount_in"], "amount_out": vector["amount_out"]} | named


def _swap_kind(vector: Mapping[str, Any]) -> str:
    suffixes = (" sequence" if "sequence" in vector else "", " refused" if "error_kind" in vector else "")
    return str(vector["mode"]) + "".join(suffixes)


def _check_published_case(row: _Row) -> list[Difference]:
    case = next((program.published_case for dex, program in BY_DEX.items() if dex.label == row.dex_label), None)
    if case is None:
        raise LayoutMismatch(f"vector {row.index}", f"is a published case of {row.dex_label}, which has no check here")
    expectation, actual = row.vector["expectation"], case(row.vector)
    if expectation.get("exception"):  # programs name their errors differently: refused or not is what is compared
        return _compare({"refused": True}, {"refused": bool(actual.get("exception"))})
    return _compare(expectation, actual)


_RATE_CONVERSIONS: Final = frozenset({"lamports_to_tokens_no_fee", "tokens_to_lamports_no_fee"})
_RATE_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stake_pool": "stake_pool",
        "marinade": "marinade",
        "sanctum_infinity": "infinity",
        "lido": "lido",
        "hylo": "hylo",
    }
)
"""The recordings' label of a rate source, and what `lst_rates` calls it."""


def _check_rate(row: _Row, find_pool: FindPool) -> list[Difference]:
    vector = row.vector
    rate = _rate(row, find_pool(row.dex_label, str(vector["pool_file"])))
    convert = rate.tokens_floor if vector["kind"].startswith("lamports") else rate.lamports_floor
    actual = {
        "amount_out": convert(int(vector["amount_in"])),
        "total_lamports": rate.numerator,
        "pool_token_supply": rate.denominator,
        "last_update_epoch": rate.epoch,
    }
    return _compare({name: vector[name] for name in actual if name in vector}, actual)


def _rate(row: _Row, recorded: RecordedPool) -> LstRate:
    """The rate of the one account in the recording that holds one; Infinity's needs the supply beside it."""
    kind = _RATE_KINDS[row.dex_label]
    supply = int(row.vector["pool_token_supply"]) if "pool_token_supply" in row.vector else None
    for pubkey, account in recorded.accounts.items():
        with suppress(CorruptAccount):
            return decode_rate(kind, account, mint_supply=supply, account_key=pubkey)
    raise LayoutMismatch(f"vector {row.index}", f"no account of {row.vector['pool_file']} holds a rate of kind {kind}")


def _math_table(kind: str) -> MathTable:
    tables = {name: table for program in BY_DEX.values() for name, table in program.math_tables.items()}
    if kind not in tables:
        raise LayoutMismatch(f"kind {kind}", f"is not supported; supported tables are {', '.join(sorted(tables))}")
    return tables[kind]


def _check_table_row(vector: Mapping[str, Any], table: MathTable) -> list[Difference]:
    actual = table.function(*(int(vector[name]) for name in table.arguments))
    return _compare({table.result: vector[table.result]}, {table.result: actual})
