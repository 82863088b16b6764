"""Who follows which rows, and the messages they get.

A subscriber costs its own mark (`conflation`) and nothing else: rows are encoded once by the table, and a slow reader
holds up only itself, because its next message is made when it takes it.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence

from aggregator.conflation import Conflation
from aggregator.table import QuoteTable
from aggregator.wire import batch_message, frame, row_suffix
from quote_core.clock import Clock
from quote_core.errors import ProviderUnavailable, RowLost, SolquoteError
from quote_core.units import NS_PER_S

__all__ = ["BatchFeed", "Subscription", "Subscriptions"]


class Subscription:
    """One subscriber's rows, and an event that is set while any of them is pending."""

    def __init__(self, rows: Iterable[int]) -> None:
        self.conflation = Conflation(rows)
        self.suffixes: dict[int, list[bytes]] = {}
        """What the subscriber calls its rows: each row's own ends of messages."""
        self.pending = asyncio.Event()
        self._ending: SolquoteError | None = None

    def offer(self, changed: Iterable[int]) -> None:
        """Note changes and wake the subscriber."""
        if self.conflation.offer(changed):
            self.pending.set()

    def move(self, moved: Mapping[int, int | None]) -> None:
        """Go on with other numbers for the same pairs and amounts; a subscriber that lost one hears that it is over."""
        own = {row: moved[row] for row in self.conflation.rows & moved.keys()}
        kept = {row: number for row, number in own.items() if number is not None}
        if len(kept) < len(own):
            self.end(RowLost())
        self.conflation.move(own)
        labels = {row: self.suffixes.pop(row) for row in own if row in self.suffixes}
        self.suffixes |= {kept[row]: suffixes for row, suffixes in labels.items() if row in kept}

    def end(self, reason: SolquoteError) -> None:
        """Wake the subscriber to hear that it is over."""
        self._ending = reason
        self.pending.set()

    def take(self, count_max: int) -> tuple[int, ...]:
        """Up to `count_max` pending rows.

        Raises:
            SolquoteError: It is over, and why.
        """
        if self._ending is not None:
            raise self._ending
        taken = self.conflation.take(count_max)
        if not self.conflation:
            self.pending.clear()
        return taken


class Subscriptions:
    """All subscribers of the table."""

    def __init__(self) -> None:
        self._open: dict[Subscription, None] = {}
        self._conflated_before = 0

    def __len__(self) -> int:
        return len(self._open)

    @contextlib.contextmanager
    def follow(self, rows: Iterable[int]) -> Iterator[Subscription]:
        """Follow rows while the context lasts."""
        subscription = Subscription(rows)
        self._open[subscription] = None
        try:
            yield subscription
        finally:
            del self._open[subscription]
            self._conflated_before += subscription.conflation.conflated_count

    def close(self) -> None:
        """End every stream: the service is stopping."""
        for subscription in self._open:
            subscription.end(ProviderUnavailable("aggregator", "is stopping"))

    def rows_moved(self, moved: Mapping[int, int | None]) -> None:
        """See `RowFollower`."""
        for subscription in self._open:
            subscription.move(moved)

    def conflated(self) -> int:
        """Changes never told to anybody because newer ones came first."""
        return self._conflated_before + sum(one.conflation.conflated_count for one in self._open)

    def publish(self, changed: Sequence[int]) -> None:
        """Tell everybody who follows one of these rows."""
        if changed:
            for subscription in self._open:
                subscription.offer(changed)


class BatchFeed:
    """Makes one batch subscriber's messages."""

    def __init__(
        self,
        *,
        table: QuoteTable,
        subscription: Subscription,
        numbers: Iterable[tuple[int, int]],
        refused: Sequence[bytes],
        clock: Clock,
        message_quotes_max: int,
        refresh_ns: int,
        first_set_wait_ns: int,
    ) -> None:
        """Set the feed up.

        Args:
            table: Where rows come from.
            subscription: The subscriber's mark.
            numbers: Row of the table and the subscriber's number for it; a row asked for twice has two.
            refused: Frames of what cannot be served, sent with the first set.
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
        self._suffixes = subscription.suffixes
        for row, number in numbers:
            self._suffixes.setdefault(row, []).append(row_suffix(number))
        self._sequence = 0

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """The complete set first, then whatever changes, for ever."""
        await self._first_answers()
        self._subscription.take(len(self._suffixes))
        for part in self._parts(tuple(self._suffixes)):
            yield self._message(part, snapshot=True)
        sweep_at = self._clock.mono_ns() + self._refresh_ns
        while True:
            wait_ns = sweep_at - self._clock.mono_ns()
            if wait_ns <= 0 or not await _set_within(self._subscription.pending, wait_ns):
                self._subscription.conflation.sweep()
                sweep_at = self._clock.mono_ns() + self._refresh_ns
            while rows := self._subscription.take(self._message_quotes_max):
                yield self._message(self._frames(rows), snapshot=False)

    async def _first_answers(self) -> None:
        give_up_at = self._clock.mono_ns() + self._first_set_wait_ns
        while not all(map(self._table.is_answered, self._suffixes)):
            self._subscription.take(len(self._suffixes))
            wait_ns = give_up_at - self._clock.mono_ns()
            if wait_ns <= 0 or not await _set_within(self._subscription.pending, wait_ns):
                return

    def _parts(self, rows: Sequence[int]) -> Iterator[list[bytes]]:
        frames = [*self._frames(rows), *self._refused]
        for start in range(0, len(frames), self._message_quotes_max):
            yield frames[start : start + self._message_quotes_max]

    def _frames(self, rows: Iterable[int]) -> list[bytes]:
        body: Callable[[int], bytes] = self._table.body
        return [frame(body(row), suffix) for row in rows for suffix in self._suffixes[row]]

    def _message(self, frames: Iterable[bytes], *, snapshot: bool) -> bytes:
        self._sequence += 1
        return batch_message(frames, sequence=self._sequence, snapshot=snapshot)


async def _set_within(event: asyncio.Event, wait_ns: int) -> bool:
    if event.is_set():
        return True
    try:
        async with asyncio.timeout(wait_ns / NS_PER_S):
            await event.wait()
    except TimeoutError:
        return False
    return True
