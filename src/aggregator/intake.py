"""From one message of a quote service to everybody who wants to know: table, shared memory, subscribers.

Shared memory comes first, for it is what the fastest readers wait on: the table writes it while it takes the message.
Subscribers' bytes are made after it, when they take them. Nothing here waits for anybody; a large message only lets
others go between its slices.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from aggregator import upstream_wire as wire
from aggregator.columns import LocalColumns
from aggregator.held import IMPOSSIBLE, Arrival, HeldQuote, Source
from aggregator.routes import Routes
from aggregator.table import QuoteTable
from quote_core.clock import Clock
from quote_core.serving import Subscriptions
from quote_core.telemetry.histogram import Histogram
from quote_core.units import NS_PER_S

__all__ = ["SLICE_QUOTES_MAX", "Intake"]

SLICE_QUOTES_MAX: Final = 200
"""Quotes taken in one go: no more than shared memory announces at once."""
_POOL_TO_SHM_BOUNDS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)


class Intake:
    """Takes what the quote services send."""

    def __init__(
        self, *, table: QuoteTable, subscriptions: Subscriptions[int, bytes], routes: Routes, clock: Clock
    ) -> None:
        self._table = table
        self._subscriptions = subscriptions
        self._routes = routes
        self._clock = clock
        self._newest_pool_update_ns = clock.mono_ns()
        self.pool_to_shm_s = Histogram(_POOL_TO_SHM_BOUNDS_S)
        self.quote_counts = dict.fromkeys(Source, 0)
        self.impossible_counts = dict.fromkeys(Source, 0)
        """Answers that no quote can be; their rows say so, and all others are served."""

    async def local(self, message: bytes) -> None:
        """Take a message of the local service.

        Raises:
            LayoutMismatch: It is none; nothing of it is taken.
        """
        columns = LocalColumns(message)
        apart = [wire.held_local_bytes(quote) for quote in (*columns.refused, *columns.routed)]
        pool_update_ns = 0
        # A pool update is one slice, hence one unit. A whole table, which is a first set or a refresh, is many: others
        # get their turn in between.
        for first in range(0, len(columns), SLICE_QUOTES_MAX):
            if first:
                await asyncio.sleep(0)
            arrival = self._columns(columns, first)
            pool_update_ns = max(pool_update_ns, arrival.pool_update_ns)
        for quotes in _slices(apart):
            self.take(Source.LOCAL, quotes)
            await asyncio.sleep(0)
        # Pool updates arrive one after the other: changes that rest on a newer one than any before are its first.
        now_mono_ns = self._clock.mono_ns()
        if self._newest_pool_update_ns < pool_update_ns <= now_mono_ns:
            self._newest_pool_update_ns = pool_update_ns
            self.pool_to_shm_s.observe((now_mono_ns - pool_update_ns) / NS_PER_S)

    async def external(self, message: bytes) -> None:
        """Take a message of the external service.

        Raises:
            LayoutMismatch: It is none; nothing of it is taken.
        """
        for quotes in _slices(wire.external_answers(message)):
            self.take(Source.EXTERNAL, quotes)
            await asyncio.sleep(0)

    def take(self, source: Source, quotes: Sequence[HeldQuote]) -> Arrival:
        """Take answers of one source; tell what they did."""
        self.quote_counts[source] += len(quotes)
        arrival = self._table.take(quotes)
        for quote in quotes:
            if quote.refusal is None:
                self._routes.note(quote)
            elif quote.refusal.code == IMPOSSIBLE:
                self.impossible_counts[source] += 1
        self._subscriptions.publish(arrival.changed)
        return arrival

    def expire(self) -> None:
        """Mark what nobody has vouched for in time, everywhere."""
        expired = self._table.expire()
        self._subscriptions.publish(tuple({row for _, row in expired}))

    def _columns(self, columns: LocalColumns, first: int) -> Arrival:
        self.quote_counts[Source.LOCAL] += min(len(columns) - first, SLICE_QUOTES_MAX)
        arrival = self._table.take_columns(columns, first, SLICE_QUOTES_MAX)
        self.impossible_counts[Source.LOCAL] += arrival.impossible_count
        for quote in arrival.routed:
            self._routes.note(quote)
        self._subscriptions.publish(arrival.changed)
        return arrival


def _slices(quotes: Sequence[HeldQuote]) -> Iterator[Sequence[HeldQuote]]:
    for start in range(0, len(quotes), SLICE_QUOTES_MAX):
        yield quotes[start : start + SLICE_QUOTES_MAX]
