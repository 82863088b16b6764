"""Who wants which rows, and what each has not been told yet. Does no I/O.

A slow subscriber never queues: it holds the set of its rows that changed, and gets each one's newest state when it
comes back. So what waits for it is bounded by its own rows, and it slows nobody.
"""

import asyncio
from collections.abc import Iterable, Sequence

from local_quote.quote_table import Row
from quote_core.errors import TooManyQuotes

__all__ = ["Subscriber", "Subscriptions"]


class Subscriber:
    """One stream's rows, each with the numbers the subscriber knows it by, and which of them it has yet to hear."""

    def __init__(self, rows: Iterable[tuple[Row, int]]) -> None:
        numbers: dict[Row, tuple[int, ...]] = {}
        for row, number in rows:
            numbers[row] = (*numbers.get(row, ()), number)
        self.numbers = numbers
        self._changed: dict[Row, None] = {}
        self._wake = asyncio.Event()
        self.conflated_count = 0

    def mark(self, rows: Sequence[Row]) -> None:
        """Rows changed; those of this subscriber are remembered, once each however often they change."""
        own = [row for row in rows if row in self.numbers]
        if own:
            size_before = len(self._changed)
            self._changed.update(dict.fromkeys(own))
            self.conflated_count += size_before + len(own) - len(self._changed)
            self._wake.set()

    async def changed(self, timeout_s: float) -> list[Row]:
        """Wait for changes and take them; after the time-out, none."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return []
        return self.take()

    def take(self) -> list[Row]:
        """Take what has changed since the last time."""
        self._wake.clear()
        rows = list(self._changed)
        self._changed.clear()
        return rows


class Subscriptions:
    """All subscribers of the service."""

    def __init__(self, *, count_max: int) -> None:
        self._count_max = count_max
        self._subscribers: set[Subscriber] = set()

    def __len__(self) -> int:
        return len(self._subscribers)

    def check_room(self) -> None:
        """Pass when one more may come.

        Raises:
            TooManyQuotes: All places are taken.
        """
        if len(self._subscribers) >= self._count_max:
            raise TooManyQuotes("subscribers", len(self._subscribers) + 1, self._count_max)

    def add(self, subscriber: Subscriber) -> None:
        """Tell `subscriber` of changes from now on."""
        self._subscribers.add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        self._subscribers.discard(subscriber)

    def publish(self, rows: Sequence[Row]) -> None:
        """Mark changed rows for all who want them."""
        if rows:
            for subscriber in self._subscribers:
                subscriber.mark(rows)

    @property
    def conflated_count(self) -> int:
        """Intermediate values that present subscribers never saw."""
        return sum(subscriber.conflated_count for subscriber in self._subscribers)
