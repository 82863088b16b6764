"""From one message of a quote service to everybody who wants to know: table, shared memory, subscribers.

Shared memory comes first, for it is what the fastest readers wait on; subscribers' bytes are made after it, when they
take them. Nothing here waits for anybody; a large message only lets others go between its slices.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from aggregator import upstream_wire as wire
from aggregator.held import IMPOSSIBLE, HeldQuote, Source
from aggregator.routes import Routes
from aggregator.shm_publisher import ShmPublisher
from aggregator.table import Arrival, QuoteTable
from quote_core.clock import Clock
from quote_core.serving import Subscriptions
from quote_core.telemetry.histogram import Histogram
from quote_core.units import NS_PER_S

__all__ = ["SLICE_QUOTES_MAX", "Intake"]

SLICE_QUOTES_MAX: Final = 200
"""Quotes taken in one go, about two milliseconds."""
_POOL_TO_SHM_BOUNDS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)


class Intake:
    """Takes what the quote services send."""

    def __init__(
        self,
        *,
        table: QuoteTable,
        publishers: Mapping[Source, ShmPublisher],
        subscriptions: Subscriptions[int, bytes],
        routes: Routes,
        clock: Clock,
    ) -> None:
        self._table = table
        self._publishers = publishers
        self._subscriptions = subscriptions
        self._routes = routes
        self._clock = clock
        self._newest_pool_update_ns = clock.mono_ns()
        self.pool_to_shm_s = Histogram(_POOL_TO_SHM_BOUNDS_S)
        self.quote_counts = dict.fromkeys(Source, 0)
        self.impossible_counts = dict.fromkeys(Source, 0)
        """Answers that no quote can be; their rows say so, and all others are served."""

    async def local(self, batch: Any) -> None:
        """Take a message of the local service."""
        changed: set[int] = set()
        for quotes in _slices(batch.quotes):
            changed.update(self.take(Source.LOCAL, [wire.held_local(quote) for quote in quotes]).changed)
            await asyncio.sleep(0)
        # Pool updates arrive one after the other: changes that rest on a newer one than any before are its first.
        pool_update_ns = max((one.pool_received_mono_ns for one in batch.quotes if one.row in changed), default=0)
        now_mono_ns = self._clock.mono_ns()
        if self._newest_pool_update_ns < pool_update_ns <= now_mono_ns:
            self._newest_pool_update_ns = pool_update_ns
            self.pool_to_shm_s.observe((now_mono_ns - pool_update_ns) / NS_PER_S)

    async def external(self, batch: Any) -> None:
        """Take a message of the external service."""
        for quotes in _slices(batch.quotes):
            self.take(Source.EXTERNAL, [wire.held_external(quote) for quote in quotes])
            await asyncio.sleep(0)

    def take(self, source: Source, quotes: Sequence[HeldQuote]) -> Arrival:
        """Take answers of one source; tell what they did."""
        self.quote_counts[source] += len(quotes)
        arrival = self._table.offer(quotes)
        publisher = self._publishers[source]
        publisher.publish(self._table.scored(source, arrival.changed))
        publisher.confirm(arrival.confirmed)
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
        for source, publisher in self._publishers.items():
            publisher.publish(self._table.scored(source, [quote.row for quote in expired if quote.source is source]))
        self._subscriptions.publish(tuple({quote.row for quote in expired}))


def _slices(quotes: Sequence[Any]) -> Iterator[Sequence[Any]]:
    # A pool update is one slice, hence one unit. A whole table, which is a first set or a refresh, is many: others
    # get their turn in between, and no slice is more than shared memory announces at once.
    for start in range(0, len(quotes), SLICE_QUOTES_MAX):
        yield quotes[start : start + SLICE_QUOTES_MAX]
