"""The messages of one batch subscriber: rows are encoded once by the table, and a message is made when it is taken."""

from collections.abc import AsyncGenerator, Iterator, Sequence

from aggregator.row_bytes import batch_message
from aggregator.table import QuoteTable
from quote_core.clock import Clock
from quote_core.serving import Subscription

__all__ = ["BatchFeed"]


class BatchFeed:
    """Makes one batch subscriber's messages."""

    def __init__(
        self,
        *,
        table: QuoteTable,
        subscription: Subscription[int, bytes],
        refused: Sequence[tuple[bytes, bytes]],
        clock: Clock,
        message_quotes_max: int,
        refresh_ns: int,
        first_set_wait_ns: int,
    ) -> None:
        """Set the feed up.

        Args:
            table: Where rows come from.
            subscription: The subscriber's rows, each with the ends of its messages that name it to the subscriber.
            refused: What cannot be served, each with the end that names it; sent with the first set.
            clock: For the refresh and the wait for the first set.
            message_quotes_max: Quotes in one message.
            refresh_ns: Rows unchanged for this long are sent again.
            first_set_wait_ns: How long new rows may take before the first set goes out with what is there.
        """
        self._table = table
        self._subscription = subscription
        self._clock = clock
        self._message_quotes_max = message_quotes_max
        self._refresh_ns = refresh_ns
        self._first_set_wait_ns = first_set_wait_ns
        self._refused = refused
        self._sequence = 0

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """The complete set first, then whatever changes, for ever."""
        await self._first_answers()
        turns = self._subscription.turns(
            refresh_ns=self._refresh_ns, clock=self._clock, count_max=self._message_quotes_max
        )
        for part in self._parts(self._subscription.take_all()):
            yield self._message(part, snapshot=True)
        async for rows in turns:
            yield self._message(self._told(rows), snapshot=False)

    async def _first_answers(self) -> None:
        give_up_at_ns = self._clock.mono_ns() + self._first_set_wait_ns
        while not all(map(self._table.is_answered, self._subscription.labels)):
            self._subscription.take()
            wait_ns = give_up_at_ns - self._clock.mono_ns()
            if wait_ns <= 0 or not await self._subscription.changed(wait_ns):
                return

    def _parts(self, rows: Sequence[int]) -> Iterator[Sequence[tuple[bytes, bytes]]]:
        told = [*self._told(rows), *self._refused]
        for start in range(0, len(told), self._message_quotes_max):
            yield told[start : start + self._message_quotes_max]

    def _told(self, rows: Sequence[int]) -> list[tuple[bytes, bytes]]:
        suffixes = self._subscription.labels
        return [
            (body, suffix) for row, body in zip(rows, self._table.bodies(rows), strict=True) for suffix in suffixes[row]
        ]

    def _message(self, told: Sequence[tuple[bytes, bytes]], *, snapshot: bool) -> bytes:
        self._sequence += 1
        return batch_message(told, sequence=self._sequence, snapshot=snapshot)
