"""Rows that are no swaps: LST rates, tables of a formula, and the programs' own unit-test cases."""

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from quote_core.dex.lst_rates import LstRate, decode_rate
from quote_core.dex.pool_program import MathTable
from quote_core.dex.programs import BY_DEX
from quote_core.dex.recorded import RecordedPool
from quote_core.dex.replay.rows import Difference, FindPool, Row, compare
from quote_core.errors import CorruptAccount, LayoutMismatch

__all__ = ["RATE_CONVERSIONS", "check_published_case", "check_rate", "check_table_row"]

RATE_CONVERSIONS: Final = frozenset({"lamports_to_tokens_no_fee", "tokens_to_lamports_no_fee"})
"""Kinds of row that convert at a rate."""

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


def check_published_case(row: Row) -> list[Difference]:
    """Compare with the program's own unit test."""
    case = next((program.published_case for dex, program in BY_DEX.items() if dex.label == row.dex_label), None)
    if case is None:
        raise LayoutMismatch(f"vector {row.index}", f"is a published case of {row.dex_label}, which has no check here")
    expectation, actual = row.vector["expectation"], case(row.vector)
    if expectation.get("exception"):  # programs name their errors differently: refused or not is what is compared
        return compare({"refused": True}, {"refused": bool(actual.get("exception"))})
    return compare(expectation, actual)


def check_rate(row: Row, find_pool: FindPool) -> list[Difference]:
    """Compare a conversion at an LST's rate, and the rate where the row names it."""
    vector = row.vector
    rate = _rate(row, find_pool(row.dex_label, str(vector["pool_file"])))
    convert = rate.tokens_floor if vector["kind"].startswith("lamports") else rate.lamports_floor
    actual = {
        "amount_out": convert(int(vector["amount_in"])),
        "total_lamports": rate.numerator,
        "pool_token_supply": rate.denominator,
        "last_update_epoch": rate.epoch,
    }
    return compare({name: vector[name] for name in actual if name in vector}, actual)


def _rate(row: Row, recorded: RecordedPool) -> LstRate:
    """The rate of the one account in the recording that holds one; Infinity's needs the supply beside it."""
    kind = _RATE_KINDS[row.dex_label]
    supply = int(row.vector["pool_token_supply"]) if "pool_token_supply" in row.vector else None
    for pubkey, account in recorded.accounts.items():
        with suppress(CorruptAccount):
            return decode_rate(kind, account, mint_supply=supply, account_key=pubkey)
    raise LayoutMismatch(f"vector {row.index}", f"no account of {row.vector['pool_file']} holds a rate of kind {kind}")


def check_table_row(row: Row) -> list[Difference]:
    """Compare a function's result with the table's."""
    table = _math_table(row)
    actual = table.function(*(int(row.vector[name]) for name in table.arguments))
    return compare({table.result: row.vector[table.result]}, {table.result: actual})


def _math_table(row: Row) -> MathTable:
    tables = {name: table for program in BY_DEX.values() for name, table in program.math_tables.items()}
    kind = str(row.vector["kind"])
    if kind not in tables:
        raise LayoutMismatch(
            f"vector {row.index}", f"is of kind {kind}; supported tables are {', '.join(sorted(tables))}"
        )
    return tables[kind]
