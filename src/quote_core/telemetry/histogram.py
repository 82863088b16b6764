"""A distribution, counted where it happens: one search among few bounds, one integer, one sum."""

import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from quote_core.telemetry import traces

__all__ = ["CALL_BOUNDS_S", "INTERVAL_BOUNDS_S", "TO_FILL_BOUNDS_S", "Exemplar", "Histogram"]

CALL_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Seconds that calls take: from a quote that is held (docs/performance.md) to the time-outs."""

INTERVAL_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds from one refresh to the next: from what is hurried to what nobody asks for."""

TO_FILL_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds from an opportunity to what comes of it: some milliseconds on paper, and never more than a plan lives."""


class Exemplar(NamedTuple):
    """One value, and the trace that tells how it came about."""

    value: float
    trace_id: str
    span_id: str
    unix_s: float


class Histogram:
    """How many values were at most each of `bounds`, which ascend, and the sum of all."""

    __slots__ = ("bounds", "counts", "exemplars", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        """By bound, not cumulated; the last one counts what is above all of them."""
        self.total = 0.0
        self.exemplars: dict[int, Exemplar] = {}
        """The newest of each bound, by its place among them."""

    def observe(self, value: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_traced(self, value: float) -> None:
        """Count one that belongs to the current span, which is kept as an exemplar if it is recorded."""
        place = bisect_left(self.bounds, value)
        self.counts[place] += 1
        self.total += value
        ids = traces.current_ids()
        if ids is not None:
            self.exemplars[place] = Exemplar(value, *ids, time.time())

    @property
    def count(self) -> int:
        """Of all values."""
        return sum(self.counts)
