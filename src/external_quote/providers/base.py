"""What a provider is, and the values that cross its wall."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from quote_core.errors import LayoutMismatch
from quote_core.quotes import QuoteKey, RouteHop, route_id
from quote_core.units import Pubkey

__all__ = ["Exchange", "Provider", "ProviderQuote", "refuse_other_than_asked", "route_id_of"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went over the wire: path and query below the provider's URL, without keys, and the answer's body."""

    request: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ProviderQuote:
    """A provider's answer. `slot` is 0 when it does not tell; `exchange` is what it was read out of."""

    output_amount: int
    route: tuple[RouteHop, ...]
    price_impact_fraction: float
    slot: int
    exchange: Exchange | None = field(default=None, compare=False, repr=False)


def route_id_of(quote: ProviderQuote) -> int:
    """Identify its route; a pool that is not told is not another one's either: the DEX stands for it."""
    return route_id([hop.pool_id or Pubkey(hop.protocol) for hop in quote.route])


class Provider(Protocol):
    """One outside API, over a connection it was given."""

    @property
    def name(self) -> str:
        """As clients and metrics name it."""
        ...

    async def quote(
        self, key: QuoteKey, *, slippage_bps: int, known_route: Sequence[RouteHop], timeout_ns: int
    ) -> ProviderQuote:
        """Ask for one exact-in quote.

        Args:
            key: What for.
            slippage_bps: Tolerance, for providers whose routing depends on it.
            known_route: A route found lately: the provider may price it instead of searching anew; empty = search.
            timeout_ns: The answer is worthless after this.

        Raises:
            NoLiquidity: The provider knows no route, or not through `known_route`.
            RateLimited: It refuses for its rate limit; carries the wait.
            ProviderUnavailable, DeadlinePassed: It does not answer, or with an error of its own.
            LayoutMismatch: The answer is not of its published schema.
        """
        ...


def refuse_other_than_asked(
    provider: str, key: QuoteKey, told: tuple[str, str, int], legs: Sequence[tuple[str, str]]
) -> None:
    """Check that an answer is for what was asked.

    Args:
        provider: Whose answer; begins the error.
        key: What was asked.
        told: Input mint, output mint and input amount as answered.
        legs: Input and output mint of each leg of its route.

    Raises:
        LayoutMismatch: It is for another pair or amount, or its route does not lead from the one token to the other.
    """
    if told != (key.input_mint, key.output_mint, key.input_amount):
        raise LayoutMismatch(provider, "answer is for another pair or amount than asked")
    reached = {str(key.input_mint)}
    for _ in legs:  # as often as the longest way has legs; they come in any order
        reached |= {output for input_, output in legs if input_ in reached}
    if key.output_mint not in reached or not all(input_ in reached for input_, _ in legs):
        raise LayoutMismatch(provider, "the route of the answer does not lead from the one token to the other")
