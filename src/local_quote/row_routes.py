"""Looks for the routes that rows may take through other tokens: one direction at a time, at a bounded rate.

Which chains are worth having is found here, for a few of a direction's amounts, by `RouteFinder`. What they give is the
table's matter: a chain it holds is priced whenever one of its pools changes, as the pair's own pools are. Does no I/O.
"""

from collections.abc import Sequence
from typing import Final

from local_quote.chain_offer import Chain
from local_quote.route_finder import RouteFinder, RouteTerms
from local_quote.row_table import DirectionKey, LocalRowTable
from quote_core.clock import Clock
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import SwapMode
from quote_core.errors import SolquoteError
from quote_core.tokens import Token

__all__ = ["AMOUNTS_SEARCHED_MAX", "RowRouteSearch"]

AMOUNTS_SEARCHED_MAX: Final = 5
"""Amounts of a direction that are searched for, spread over its rungs; the others take the best chain of these."""


class RowRouteSearch:
    """Searches for the directions of a table in turn.

    Args:
        table: Whose rows take the routes.
        finder: Finds them.
        clock: Of the turns.
        hop_count_max: Most swaps of a route, from 2 on.
        interval_ns: Least time between two searches for one direction.
    """

    def __init__(
        self, *, table: LocalRowTable, finder: RouteFinder, clock: Clock, hop_count_max: int, interval_ns: int
    ) -> None:
        self._table = table
        self._finder = finder
        self._clock = clock
        self.terms = RouteTerms(ALL_DEXES, hop_count_max, leg_count_max=1)
        self._interval_ns = interval_ns
        self._searched: dict[DirectionKey, tuple[int, int]] = {}  # when, and at which revision of the table
        self.search_count = 0
        """Directions searched for so far."""

    def step(self) -> list[int]:
        """Search for the direction that has waited longest, if one is due; returns the rows that changed."""
        due = self._next_due()
        if due is None:
            return []
        input_token, output_token, amounts = self._table.direction(due)
        self._searched[due] = self._clock.mono_ns(), self._table.revision
        self.search_count += 1
        chains: dict[Chain, None] = {}
        for amount in _spread(amounts):
            chain = self._chain(input_token, output_token, amount)
            if chain is not None:
                chains[chain] = None
        return self._table.take_chains(due, list(chains))

    def _next_due(self) -> DirectionKey | None:
        """The direction searched for least lately, of those that something has changed for since."""
        latest_mono_ns, revision = self._clock.mono_ns() - self._interval_ns, self._table.revision
        never = -1, -1
        followed = list(self._table.directions())
        if len(self._searched) > len(followed):
            self._searched = {key: self._searched[key] for key in followed if key in self._searched}
        due = [
            (searched_mono_ns, key)
            for key in followed
            for searched_mono_ns, seen in (self._searched.get(key, never),)
            if seen != revision and searched_mono_ns <= latest_mono_ns
        ]
        return min(due)[1] if due else None

    def _chain(self, input_token: Token, output_token: Token, amount: int) -> Chain | None:
        """The best route of one amount, where that is one of several swaps."""
        try:
            route = self._finder.best(input_token, output_token, amount, mode=SwapMode.EXACT_IN, terms=self.terms)
        except SolquoteError:
            return None  # the row says why, if no other chain fills it
        swaps = route.swaps
        return tuple((swap.entry, swap.direction) for swap in swaps) if len(swaps) > 1 else None


def _spread(amounts: Sequence[int]) -> list[int]:
    last, count = len(amounts) - 1, min(len(amounts), AMOUNTS_SEARCHED_MAX)
    return [amounts[last * place // max(1, count - 1)] for place in range(count)]
