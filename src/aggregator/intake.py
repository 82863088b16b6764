"""From one message of a quote service to everybody who wants to know: table, shared memory, subscribers.

Shared memory comes first, for it is what the fastest readers wait on; subscribers' bytes are made after it, when they
take them. Nothing here waits.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aggregator import upstream_wire as wire
from aggregator.confidence import Confidence
from aggregator.held import HeldQuote, Source
from aggregator.oracle import OraclePrices
from aggregator.routes import Routes
from aggregator.selection import Merged
from aggregator.shm_publisher import ShmPublisher
from aggregator.subscriptions import Subscriptions
from aggregator.table import QuoteTable
from quote_core.clock import Clock

__all__ = ["Intake"]


class Intake:
    """Takes what the quote services send."""

    def __init__(
        self,
        *,
        table: QuoteTable,
        publishers: Mapping[Source, ShmPublisher],
        subscriptions: Subscriptions,
        routes: Routes,
        oracle: OraclePrices,
        clock: Clock,
        observe_pool_to_shm_s: Callable[[float], None],
    ) -> None:
        self._table = table
        self._publishers = publishers
        self._subscriptions = subscriptions
        self._routes = routes
        self._oracle = oracle
        self._clock = clock
        self._observe_pool_to_shm_s = observe_pool_to_shm_s
        self._newest_pool_update_ns = clock.mono_ns()
        self.quote_counts = dict.fromkeys(Source, 0)

    def local(self, batch: Any) -> None:
        """Take a message of the local service."""
        now_mono_ns = self._clock.mono_ns()
        self.take(Source.LOCAL, [wire.held_local(quote, now_mono_ns=now_mono_ns) for quote in batch.quotes])
        # Pool updates arrive one after the other: a batch that rests on a newer one than any before is its first.
        pool_update_ns = max((quote.pool_received_mono_ns for quote in batch.quotes), default=0)
        if pool_update_ns > self._newest_pool_update_ns:
            self._newest_pool_update_ns = pool_update_ns
            self._observe_pool_to_shm_s((self._clock.mono_ns() - pool_update_ns) / 1e9)

    def external(self, batch: Any) -> None:
        """Take a message of the external service."""
        now_mono_ns = self._clock.mono_ns()
        price = self._oracle.price
        self.take(
            Source.EXTERNAL,
            [
                wire.held_external(
                    quote, now_mono_ns=now_mono_ns, oracle_price=price(quote.input_mint, quote.output_mint)
                )
                for quote in batch.quotes
            ],
        )

    def take(self, source: Source, quotes: Sequence[HeldQuote]) -> None:
        """Take answers of one source."""
        self.quote_counts[source] += len(quotes)
        arrival = self._table.offer(quotes)
        publisher = self._publishers[source]
        publisher.publish(self._scored(source, arrival.changed))
        publisher.confirm(self._scored(source, arrival.confirmed))
        for quote in quotes:
            if quote.refusal is None:
                self._routes.note(quote)
        self._subscriptions.publish(arrival.changed)

    def expire(self) -> None:
        """Mark what nobody has confirmed in time, everywhere."""
        expired = self._table.expire(wire.stale_copy)
        for source, publisher in self._publishers.items():
            rows = [quote.row for quote in expired if quote.source is source]
            publisher.publish(self._scored(source, rows))
        self._subscriptions.publish(tuple({quote.row for quote in expired}))

    def _scored(self, source: Source, rows: Iterable[int]) -> list[tuple[HeldQuote, Confidence | None]]:
        return [_side(self._table.merged(row), source) for row in rows]


def _side(merged: Merged, source: Source) -> tuple[HeldQuote, Confidence | None]:
    quote, confidence = (
        (merged.local, merged.local_confidence)
        if source is Source.LOCAL
        else (merged.external, merged.external_confidence)
    )
    assert quote is not None, "only rows that this source has just answered"
    return quote, confidence
