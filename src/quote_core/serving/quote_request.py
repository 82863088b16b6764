"""What a client asks for with one quote, checked: the same rules whichever service it asks."""

from collections.abc import Collection
from typing import Any, NamedTuple, Self

from quote_core.dex.account_counts import SWAP_ACCOUNTS_MIN, most_accounts
from quote_core.dex.labels import ALL_DEXES, chosen_dexes
from quote_core.dex.pool import Dex, SwapMode
from quote_core.errors import InvalidField
from quote_core.quotes import CIRCULAR_HOPS_MIN, HOP_COUNT_MAX, LEG_COUNT_MAX, QuoteKey
from quote_core.tokens import TokenRegistry
from quote_core.units import U64_MAX, Pubkey

__all__ = ["QuoteRequest", "checked_quote_request", "read_quote_request"]


class QuoteRequest(NamedTuple):
    """One pair and amount: smallest units of the input token, or with EXACT_OUT of the output token that is wanted.

    `hop_count_max` and `leg_count_max` say how many swaps a route may have one after the other, and over how many
    routes the amount may be split; 0 = as the service chooses. `account_count_max` is the most accounts that a
    transaction with the route may name; 0 = none of the routes asked for is ruled out by their number.
    """

    input_mint: Pubkey
    output_mint: Pubkey
    amount: int
    mode: SwapMode = SwapMode.EXACT_IN
    dexes: frozenset[Dex] = ALL_DEXES
    hop_count_max: int = 0
    leg_count_max: int = 0
    account_count_max: int = 0

    @classmethod
    def of(cls, key: QuoteKey) -> Self:
        """A request that a row of the quote table would answer."""
        return cls(key.input_mint, key.output_mint, key.input_amount)

    @property
    def key(self) -> QuoteKey | None:
        """What rows of the quote table go by; a request that none can be a row of has no key."""
        bounds = self.hop_count_max or self.leg_count_max or self.account_count_max
        if self.mode is SwapMode.EXACT_OUT or self.dexes != ALL_DEXES or bounds:
            return None
        return QuoteKey(self.input_mint, self.output_mint, self.amount)


def read_quote_request(message: Any, tokens: TokenRegistry) -> QuoteRequest:
    """Check a message with both mints, `input_amount` or `output_amount`, and what its route may be.

    Raises:
        InvalidField: Both amounts or none; see `checked_quote_request`.
        UnknownToken: A mint that is not registered.
    """
    input_amount, output_amount = message.input_amount, message.output_amount
    if input_amount and output_amount:
        raise InvalidField("output_amount", "must not be given together with input_amount")
    return checked_quote_request(
        tokens,
        message.input_mint,
        message.output_mint,
        output_amount or input_amount,
        mode=SwapMode.EXACT_OUT if output_amount else SwapMode.EXACT_IN,
        dexes=message.dexes,
        exclude_dexes=message.exclude_dexes,
        max_hops=message.max_hops,
        max_splits=message.max_splits,
        max_accounts=message.max_accounts,
        is_direct=message.only_direct_routes,
    )


def checked_quote_request(
    tokens: TokenRegistry,
    input_mint: str,
    output_mint: str,
    amount: int,
    *,
    mode: SwapMode,
    dexes: Collection[str],
    exclude_dexes: Collection[str],
    max_hops: int,
    max_splits: int,
    max_accounts: int,
    is_direct: bool,
) -> QuoteRequest:
    """Check what a client asks for, whatever the form it came in.

    Raises:
        InvalidField: Bad base58, an amount of 0, a token against itself in one swap, a route of more hops or parts than
            there can be or of fewer accounts than any swap has, a wanted output over several routes, or a DEX that is
            not known.
        UnknownToken: A mint that is not registered.
    """
    if not 0 <= max_hops <= HOP_COUNT_MAX:
        raise InvalidField("max_hops", f"must be from 0 to {HOP_COUNT_MAX}, got {max_hops}")
    if not 0 <= max_splits <= LEG_COUNT_MAX:
        raise InvalidField("max_splits", f"must be from 0 to {LEG_COUNT_MAX}, got {max_splits}")
    if max_accounts and max_accounts < SWAP_ACCOUNTS_MIN:
        raise InvalidField("max_accounts", f"must be 0 or at least {SWAP_ACCOUNTS_MIN}, got {max_accounts}")
    hop_count_max = 1 if is_direct else max_hops
    if input_mint == output_mint and hop_count_max >= CIRCULAR_HOPS_MIN:
        input_token = output_token = tokens.by_mint(input_mint, field="input_mint")
    else:
        input_token, output_token = tokens.pair(input_mint, output_mint)
    if not 0 < amount <= U64_MAX:
        raise InvalidField("input_amount", f"must be from 1 to {U64_MAX}, got {amount}")
    if max_splits > 1 and mode is SwapMode.EXACT_OUT:
        raise InvalidField("max_splits", "must be 1 for a wanted output, which one route brings")
    may_bind = max_accounts < most_accounts(hop_count_max or HOP_COUNT_MAX, max_splits or 1)
    return QuoteRequest(
        input_token.mint,
        output_token.mint,
        amount,
        mode,
        chosen_dexes(dexes, exclude_dexes),
        hop_count_max,
        max_splits,
        account_count_max=max_accounts if may_bind else 0,
    )
