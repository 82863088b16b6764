"""What clients ask for, checked against the registry and the bounds. Pure.

A bad pair or amount costs only itself: it becomes a refusal under its own number and the others are served. A request
that is wrong as a whole (nothing asked for, too much asked for, row numbers that do not fit) is refused as a whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from aggregator.held import Refusal, RowKey
from aggregator.wire import Combo
from quote_core.errors import InvalidField, RequestError, TooManyQuotes
from quote_core.tokens import TokenRegistry
from quote_core.units import U64_MAX

__all__ = ["Wanted", "checked_count", "checked_key", "sorted_out"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A batch request, sorted out: what can be served, in order and with its numbers, and what cannot."""

    keys: tuple[RowKey, ...]
    numbers: tuple[int, ...]
    refused: tuple[tuple[Combo, Refusal], ...]


def checked_key(tokens: TokenRegistry, input_mint: str, output_mint: str, amount: int) -> RowKey:
    """Make a row key of a client's words.

    Raises:
        InvalidField: Bad base58, a token against itself, or an amount that is zero or no u64.
        UnknownToken: A mint that is not registered.
    """
    input_token, output_token = tokens.pair(input_mint, output_mint)
    if not 0 < amount <= U64_MAX:
        raise InvalidField("input_amount", f"must be from 1 to {U64_MAX}, got {amount}")
    return RowKey(input_token.mint, output_token.mint, amount)


def checked_count(count: int, *, count_max: int) -> None:
    """Refuse an empty request, and one larger than the table, before any work is done for it.

    Raises:
        InvalidField: Nothing is asked for.
        TooManyQuotes: More than the table holds.
    """
    if count == 0:
        raise InvalidField("pairs", "must name at least one pair and one amount")
    if count > count_max:
        raise TooManyQuotes("pairs x amounts", count, count_max)


def sorted_out(combos: Iterable[Combo], tokens: TokenRegistry) -> Wanted:
    """Check every pair and amount by itself.

    Raises:
        InvalidField: A pair names another count of rows than of amounts.
    """
    keys: list[RowKey] = []
    numbers: list[int] = []
    refused: list[tuple[Combo, Refusal]] = []
    try:
        for combo in combos:
            try:
                keys.append(checked_key(tokens, combo.input_mint, combo.output_mint, combo.amount))
                numbers.append(combo.number)
            except RequestError as error:
                refused.append((combo, Refusal(error.code, str(error))))
    except ValueError:
        raise InvalidField("pairs.rows", "must be as many as the pair has amounts, or none") from None
    return Wanted(tuple(keys), tuple(numbers), tuple(refused))
