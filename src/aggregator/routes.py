"""Routes by id: what a route id in shared memory stands for. Bounded; the routes longest unused go first.

An id is a hash of the pools in their order, so both sources' quotes through the same pools are one route. Its amounts
are of the newest quote, whoever gave it. What its pools are, the DEX by our name and where they are from, is the local
service's word once it has given any: it holds the pools, a provider only names them.
"""

from typing import Final, NamedTuple

from aggregator.held import HeldQuote, Source

__all__ = ["ROUTE_COUNT_MAX", "Route", "Routes"]

ROUTE_COUNT_MAX: Final = 10_000
"""Five times what both files can refer to at once."""


class Route(NamedTuple):
    """The quote that last used a route, and the one that knows its pools: a local one, if there was any."""

    newest: HeldQuote
    knower: HeldQuote


class Routes:
    """The routes used lately."""

    def __init__(self, *, count_max: int = ROUTE_COUNT_MAX) -> None:
        self._count_max = count_max
        self._by_id: dict[int, Route] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def note(self, quote: HeldQuote) -> None:
        """Remember the route of a quote that has a price."""
        before, knower = self._by_id.pop(quote.route_id, None), quote
        if before is not None and quote.source is not Source.LOCAL and before.knower.source is Source.LOCAL:
            knower = before.knower
        self._by_id[quote.route_id] = Route(quote, knower)
        if len(self._by_id) > self._count_max:
            del self._by_id[next(iter(self._by_id))]

    def find(self, route_id: int) -> Route | None:
        """What was used lately under an id."""
        return self._by_id.get(route_id)
