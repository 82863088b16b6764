"""What a client of a batch stream asks for, checked: the same rules whichever service it asks.

A bad pair or amount costs only itself: it is refused under its own number and the others are served. A request that is
wrong as a whole (nothing asked for, too much asked for, row numbers that do not fit) is refused as a whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from quote_core.errors import InvalidField, RequestError, TooManyQuotes
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.quotes import QuoteKey
from quote_core.tokens import TokenRegistry
from quote_core.units import NS_PER_MS, U64_MAX

__all__ = ["REFRESH_MS_MIN", "BatchRequest", "Combination", "checked_key", "read_batch_request"]

REFRESH_MS_MIN: Final = 50
"""A client may not make a service send everything more often than this."""


@dataclass(frozen=True, slots=True)
class Combination:
    """One pair and amount in the client's words, and the number its answers carry."""

    number: int
    input_mint: str
    output_mint: str
    amount: int


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A request, sorted out. `numbers` go with `keys`; a `refresh_interval_ns` of 0 leaves it to the service."""

    keys: tuple[QuoteKey, ...]
    numbers: tuple[int, ...]
    refused: tuple[tuple[Combination, RequestError], ...]
    refresh_interval_ns: int


def read_batch_request(
    message: quotes_pb2.BatchQuoteRequest, tokens: TokenRegistry, *, quote_count_max: int
) -> BatchRequest:
    """Check the bounds, then every pair and amount by itself.

    Raises:
        InvalidField: Nothing is asked for, a pair has no amounts or another count of rows than of them, or the refresh
            interval is too short.
        TooManyQuotes: More pairs x amounts than `quote_count_max`; found before any work is done for them.
    """
    count = sum(len(pair.amounts) or len(message.amounts) for pair in message.pairs)
    if count == 0:
        raise InvalidField("pairs", "must name at least one pair and one amount")
    if count > quote_count_max:
        raise TooManyQuotes("pairs x amounts", count, quote_count_max)
    if 0 < message.refresh_interval_ms < REFRESH_MS_MIN:
        raise InvalidField("refresh_interval_ms", f"must be 0 or at least {REFRESH_MS_MIN}")
    keys: list[QuoteKey] = []
    numbers: list[int] = []
    refused: list[tuple[Combination, RequestError]] = []
    for pair, amounts, own_numbers in _pairs(message):
        try:
            input_token, output_token = tokens.pair(pair.input_mint, pair.output_mint)
        except RequestError as error:
            refused += (
                (Combination(number, pair.input_mint, pair.output_mint, amount), error)
                for number, amount in zip(own_numbers, amounts, strict=True)
            )
            continue
        input_mint, output_mint = input_token.mint, output_token.mint
        for number, amount in zip(own_numbers, amounts, strict=True):
            try:
                _check_amount(amount)
            except RequestError as error:
                refused.append((Combination(number, pair.input_mint, pair.output_mint, amount), error))
            else:
                keys.append(QuoteKey(input_mint, output_mint, amount))
                numbers.append(number)
    return BatchRequest(tuple(keys), tuple(numbers), tuple(refused), message.refresh_interval_ms * NS_PER_MS)


def checked_key(tokens: TokenRegistry, input_mint: str, output_mint: str, amount: int) -> QuoteKey:
    """Make a key of a client's words.

    Raises:
        InvalidField: Bad base58, a token against itself, or an amount that is zero or no u64.
        UnknownToken: A mint that is not registered.
    """
    input_token, output_token = tokens.pair(input_mint, output_mint)
    _check_amount(amount)
    return QuoteKey(input_token.mint, output_token.mint, amount)


def _check_amount(amount: int) -> None:
    if not 0 < amount <= U64_MAX:
        raise InvalidField("input_amount", f"must be from 1 to {U64_MAX}, got {amount}")


def _pairs(
    message: quotes_pb2.BatchQuoteRequest,
) -> Iterator[tuple[quotes_pb2.TokenPair, Sequence[int], Sequence[int]]]:
    """Each pair with its amounts and their numbers."""
    position = 0
    for index, pair in enumerate(message.pairs):
        amounts = pair.amounts or message.amounts
        if not amounts:
            raise InvalidField(f"pairs[{index}].amounts", "must not be empty where the request has no amounts either")
        numbers: Sequence[int] = pair.rows or range(position, position + len(amounts))
        position += len(amounts)
        if len(numbers) != len(amounts):
            raise InvalidField(f"pairs[{index}].rows", f"must be as many as its {len(amounts)} amounts, or none")
        yield pair, amounts, numbers
