"""Events that wait to be told: of each key the newest, at most so many a second, at most so many waiting. Does no I/O.

A key that waits keeps its place when a newer event of it comes, so that one which changes all the time does not wait
for ever behind others. What is replaced or pushed out is counted and never told.
"""

import math
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from quote_core.events import MarketEvent
from quote_core.units import NS_PER_S

__all__ = ["Conflation", "ConflationCounts", "Waiting"]

Waiting = tuple[Hashable, MarketEvent]
"""An event by its key."""


@dataclass(slots=True)
class ConflationCounts:
    """What was never told, since the start."""

    replaced_count: int = 0
    """A newer one of the same key came first."""
    pushed_out_count: int = 0
    """More were waiting than may; the oldest went."""


class Conflation:
    """Takes events in and gives them out, those that have waited longest first.

    Args:
        per_s_max: In no second are more given out, wherever the second begins.
        waiting_max: More than this push out the oldest.
    """

    def __init__(self, *, per_s_max: int, waiting_max: int) -> None:
        self._per_s_max = per_s_max
        self._waiting_max = waiting_max
        self._waiting: dict[Hashable, MarketEvent] = {}
        self._given: deque[tuple[int, int]] = deque()  # when, and how many, within the last second
        self.counts = ConflationCounts()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, key: Hashable, event: MarketEvent) -> None:
        """An event to be told; one of the same key that still waits is not told any more."""
        if key in self._waiting:
            self.counts.replaced_count += 1
        elif len(self._waiting) >= self._waiting_max:
            del self._waiting[next(iter(self._waiting))]
            self.counts.pushed_out_count += 1
        self._waiting[key] = event

    def take(self, now_mono_ns: int, *, within_ns: int = NS_PER_S) -> list[Waiting]:
        """What may be told now, in the order in which the keys came.

        Args:
            now_mono_ns: CLOCK_MONOTONIC, never before that of the last call.
            within_ns: Not more than this part of a second may have, so that a second's are not told all at once.
        """
        while self._given and self._given[0][0] <= now_mono_ns - NS_PER_S:
            self._given.popleft()
        left = self._per_s_max - sum(count for _, count in self._given)
        share = math.ceil(self._per_s_max * within_ns / NS_PER_S)
        keys = list(self._waiting)[: max(0, min(left, share))]
        if keys:
            self._given.append((now_mono_ns, len(keys)))
        return [(key, self._waiting.pop(key)) for key in keys]

    def give_back(self, untold: Sequence[Waiting]) -> None:
        """Taken, and not told after all: they wait again before the others, but where a newer one of the key waits."""
        newer = self._waiting
        self._waiting = {key: event for key, event in untold if key not in newer}
        self.counts.replaced_count += len(untold) - len(self._waiting)
        self._waiting.update(newer)
        for key in list(self._waiting)[: max(0, len(self._waiting) - self._waiting_max)]:
            del self._waiting[key]
            self.counts.pushed_out_count += 1
