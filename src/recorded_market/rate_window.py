"""A sliding window over requests: at most so many in any 60 seconds, as Jupiter counts them."""

from collections import deque
from dataclasses import dataclass

__all__ = ["RateReading", "RateWindow"]

WINDOW_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class RateReading:
    """The state of the window after a request."""

    is_allowed: bool
    current_count: int
    remaining_count: int
    frees_in_ns: int
    """Until the oldest request leaves the window."""


class RateWindow:
    """Counts requests; pure, the caller says what time it is."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._times_ns: deque[int] = deque()

    def take(self, now_mono_ns: int) -> RateReading:
        """Count one request, if it is allowed."""
        while self._times_ns and now_mono_ns - self._times_ns[0] >= WINDOW_NS:
            self._times_ns.popleft()
        is_allowed = len(self._times_ns) < self._count_max
        if is_allowed:
            self._times_ns.append(now_mono_ns)
        oldest_ns = self._times_ns[0] if self._times_ns else now_mono_ns
        return RateReading(
            is_allowed=is_allowed,
            current_count=len(self._times_ns),
            remaining_count=self._count_max - len(self._times_ns),
            frees_in_ns=oldest_ns + WINDOW_NS - now_mono_ns,
        )
