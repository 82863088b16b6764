"""Routes by id: what a route id in shared memory stands for. Bounded; the routes longest unused go first."""

from typing import Final

from aggregator.held import HeldQuote

__all__ = ["ROUTE_COUNT_MAX", "Routes"]

ROUTE_COUNT_MAX: Final = 10_000
"""Five times what both files can refer to at once."""


class Routes:
    """The newest quote of each route."""

    def __init__(self, *, count_max: int = ROUTE_COUNT_MAX) -> None:
        self._count_max = count_max
        self._by_id: dict[int, HeldQuote] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def note(self, quote: HeldQuote) -> None:
        """Remember the route of a quote that has a price."""
        self._by_id.pop(quote.route_id, None)
        self._by_id[quote.route_id] = quote
        if len(self._by_id) > self._count_max:
            del self._by_id[next(iter(self._by_id))]

    def find(self, route_id: int) -> HeldQuote | None:
        """The quote that last used the route."""
        return self._by_id.get(route_id)
