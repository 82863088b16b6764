"""What a provider is, and the values that cross its wall."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from quote_core.quotes import QuoteKey, RouteHop

__all__ = ["Provider", "ProviderQuote"]


@dataclass(frozen=True, slots=True)
class ProviderQuote:
    """A provider's answer. `slot` is 0 when it does not tell."""

    output_amount: int
    route: tuple[RouteHop, ...]
    price_impact_fraction: float
    slot: int


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
