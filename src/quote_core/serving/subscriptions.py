"""Who follows which quotes of a service, and what each subscriber has not been told yet. Does no I/O.

A subscriber never queues: it holds which of its items have changed, and is told each one's newest state when it comes
back. So what waits for it is bounded by its own items however slow it is, it slows nobody, and what has waited longest
is told first. What an item is (a row, its number, a pair and amount), and how it is called to the subscriber (its
*label*), is the service's own matter.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Generic, TypeVar

from quote_core.clock import Clock
from quote_core.errors import RowLost, SolquoteError, TooManyStreams
from quote_core.units import NS_PER_S

__all__ = ["Subscription", "Subscriptions"]

_Item = TypeVar("_Item", bound=Hashable)
_Label = TypeVar("_Label")


class Subscription(Generic[_Item, _Label]):
    """One stream's items, and which of them it has yet to be told.

    `labels` are the items in the order they were asked for, each with what the subscriber calls it: one asked for twice
    has two labels. `conflated_count` counts the changes that were never told because a newer one came first.
    """

    def __init__(self, labelled: Iterable[tuple[_Item, _Label]]) -> None:
        self.labels: dict[_Item, tuple[_Label, ...]] = {}
        for item, label in labelled:
            self.labels[item] = (*self.labels.get(item, ()), label)
        self._pending: dict[_Item, None] = {}
        self._told_since_sweep: set[_Item] = set()
        self._wake = asyncio.Event()
        self._ending: SolquoteError | None = None
        self.conflated_count = 0

    def offer(self, changed: Iterable[_Item]) -> None:
        """Note changes and wake the subscriber; what is not among its items is passed over."""
        own = dict.fromkeys(filter(self.labels.__contains__, changed))
        if own:
            count_before = len(self._pending)
            self._pending |= own
            self.conflated_count += count_before + len(own) - len(self._pending)
            self._wake.set()

    def wake(self) -> None:
        """Let the subscriber look, whether or not anything has changed."""
        self._wake.set()

    def end(self, reason: SolquoteError) -> None:
        """Wake the subscriber to hear that it is over."""
        self._ending = reason
        self._wake.set()

    async def changed(self, wait_ns: int | None = None) -> bool:
        """Wait until something is pending; False when nothing was for `wait_ns`."""
        if not self._wake.is_set():
            try:
                async with asyncio.timeout(None if wait_ns is None else wait_ns / NS_PER_S):
                    await self._wake.wait()
            except TimeoutError:
                return False
        return True

    def take(self, count_max: int | None = None) -> tuple[_Item, ...]:
        """Up to `count_max` of what is pending, which counts as told from now on.

        Raises:
            SolquoteError: It is over, and why.
        """
        if self._ending is not None:
            raise self._ending
        if count_max is None or len(self._pending) <= count_max:
            taken = tuple(self._pending)
            self._pending.clear()
            self._wake.clear()
        else:
            taken = tuple(islice(self._pending, count_max))
            for item in taken:
                del self._pending[item]
        self._told_since_sweep.update(taken)
        return taken

    def take_all(self) -> tuple[_Item, ...]:
        """All items, changed or not, which count as told from now on: the first set of a stream.

        Raises:
            SolquoteError: It is over, and why.
        """
        self.take()
        self._told_since_sweep.update(self.labels)
        return tuple(self.labels)

    def turns(self, *, refresh_ns: int, clock: Clock, count_max: int | None = None) -> AsyncIterator[tuple[_Item, ...]]:
        """What to tell next, for ever: what changed, and each item again within `refresh_ns` of when it was last told.

        Twice an interval what was not told since the sweep before is due. So an item that does not change comes exactly
        once an interval, from this call on, and one that has changed lately is not told again just because others are.

        Args:
            refresh_ns: Longest time for which an item is not told.
            clock: For the sweeps.
            count_max: Most items in a turn.

        Raises:
            SolquoteError: It is over, and why.
        """
        return self._turns(clock.mono_ns() + refresh_ns // 2, refresh_ns // 2, clock, count_max)

    async def _turns(
        self, sweep_at_ns: int, sweep_interval_ns: int, clock: Clock, count_max: int | None
    ) -> AsyncIterator[tuple[_Item, ...]]:
        while True:
            wait_ns = sweep_at_ns - clock.mono_ns()
            if wait_ns <= 0 or not await self.changed(wait_ns):
                self._sweep()
                sweep_at_ns = clock.mono_ns() + sweep_interval_ns
            if items := self.take(count_max):
                yield items

    def rename(self, moved: Mapping[_Item, _Item | None]) -> None:
        """Go on with other names for the same things; a subscriber that lost one hears that it is over."""
        if moved.keys().isdisjoint(self.labels):
            return

        def renamed(items: Iterable[_Item]) -> Iterator[tuple[_Item, _Item]]:
            names = ((item, moved.get(item, item)) for item in items)
            return ((item, name) for item, name in names if name is not None)

        labels = {name: self.labels[item] for item, name in renamed(self.labels)}
        if len(labels) < len(self.labels):
            self.end(RowLost())
        self.labels = labels
        self._pending = {name: None for _, name in renamed(self._pending)}
        self._told_since_sweep = {name for _, name in renamed(self._told_since_sweep)}

    def _sweep(self) -> None:
        for item in self.labels:
            if item not in self._told_since_sweep:
                self._pending.setdefault(item)
        self._told_since_sweep.clear()


class Subscriptions(Generic[_Item, _Label]):
    """All subscribers of a service, at most `count_max`."""

    def __init__(self, *, count_max: int) -> None:
        self._count_max = count_max
        self._open: dict[Subscription[_Item, _Label], None] = {}
        self._conflated_before = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def conflated_count(self) -> int:
        """Changes never told to somebody because newer ones came first, subscribers that left included."""
        return self._conflated_before + sum(one.conflated_count for one in self._open)

    def check_room(self) -> None:
        """Pass when one more may come.

        Raises:
            TooManyStreams: All places are taken.
        """
        if len(self._open) >= self._count_max:
            raise TooManyStreams(self._count_max)

    @contextlib.contextmanager
    def follow(self, labelled: Iterable[tuple[_Item, _Label]]) -> Iterator[Subscription[_Item, _Label]]:
        """Follow items while the context lasts.

        Raises:
            TooManyStreams: See `check_room`, which tells before any work is done for the stream.
        """
        self.check_room()
        subscription = Subscription(labelled)
        self._open[subscription] = None
        try:
            yield subscription
        finally:
            del self._open[subscription]
            self._conflated_before += subscription.conflated_count

    def publish(self, changed: Iterable[_Item]) -> None:
        """Tell everybody who follows one of these items; `changed` is gone through once a subscriber."""
        for subscription in self._open:
            subscription.offer(changed)

    def rename(self, moved: Mapping[_Item, _Item | None]) -> None:
        """What was one item goes on as the other, all at once; `None` = it is no more."""
        for subscription in self._open:
            subscription.rename(moved)

    def close(self, reason: SolquoteError) -> None:
        """End every stream, e.g. because the service is stopping."""
        for subscription in self._open:
            subscription.end(reason)
