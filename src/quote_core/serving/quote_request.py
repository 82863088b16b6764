"""What a client asks for with one quote, checked: the same rules whichever service it asks."""

from typing import Any, NamedTuple, Self

from quote_core.dex.labels import ALL_DEXES, chosen_dexes
from quote_core.dex.pool import Dex, SwapMode
from quote_core.errors import InvalidField
from quote_core.quotes import QuoteKey
from quote_core.tokens import TokenRegistry
from quote_core.units import U64_MAX, Pubkey

__all__ = ["QuoteRequest", "read_quote_request"]


class QuoteRequest(NamedTuple):
    """One pair and amount: smallest units of the input token, or with EXACT_OUT of the output token that is wanted."""

    input_mint: Pubkey
    output_mint: Pubkey
    amount: int
    mode: SwapMode = SwapMode.EXACT_IN
    dexes: frozenset[Dex] = ALL_DEXES

    @classmethod
    def of(cls, key: QuoteKey) -> Self:
        """A request that a row of the quote table would answer."""
        return cls(key.input_mint, key.output_mint, key.input_amount)

    @property
    def key(self) -> QuoteKey | None:
        """What rows of the quote table go by; a request that none can be a row of has no key."""
        if self.mode is SwapMode.EXACT_OUT or self.dexes != ALL_DEXES:
            return None
        return QuoteKey(self.input_mint, self.output_mint, self.amount)


def read_quote_request(message: Any, tokens: TokenRegistry) -> QuoteRequest:
    """Check a message with both mints, `input_amount` or `output_amount`, `dexes` and `exclude_dexes`.

    Raises:
        InvalidField: Bad base58, a token against itself, both amounts or none, or a DEX that is not known.
        UnknownToken: A mint that is not registered.
    """
    input_token, output_token = tokens.pair(message.input_mint, message.output_mint)
    input_amount, output_amount = message.input_amount, message.output_amount
    if input_amount and output_amount:
        raise InvalidField("output_amount", "must not be given together with input_amount")
    amount = output_amount or input_amount
    if not 0 < amount <= U64_MAX:
        raise InvalidField("input_amount", f"must be from 1 to {U64_MAX}, got {amount}")
    return QuoteRequest(
        input_token.mint,
        output_token.mint,
        amount,
        SwapMode.EXACT_OUT if output_amount else SwapMode.EXACT_IN,
        chosen_dexes(message.dexes, message.exclude_dexes),
    )
