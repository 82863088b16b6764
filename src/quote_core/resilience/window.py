"""How something did lately: success rate and latency over a sliding window, bounded in time and in count."""

import math
from collections import deque
from dataclasses import dataclass

from quote_core.clock import Clock

__all__ = ["HealthWindow", "WindowFigures"]


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """What the window holds. Without a call in it, uptime is 1: nothing speaks against the provider."""

    uptime: float
    request_count: int
    failure_count: int
    latency_p50_ms: float
    latency_p99_ms: float


class HealthWindow:
    """The calls of the last `window_ns`, at most the last `count_max` of them."""

    def __init__(self, *, window_ns: int, count_max: int, clock: Clock) -> None:
        self._window_ns = window_ns
        self._clock = clock
        self._calls: deque[tuple[int, bool, float]] = deque(maxlen=count_max)

    def record(self, *, succeeded: bool, latency_ms: float) -> None:
        """Note one call that has ended."""
        self._calls.append((self._clock.mono_ns(), succeeded, latency_ms))

    def figures(self) -> WindowFigures:
        """Sum the window up."""
        oldest_ns = self._clock.mono_ns() - self._window_ns
        while self._calls and self._calls[0][0] < oldest_ns:
            self._calls.popleft()
        request_count = len(self._calls)
        failure_count = sum(not succeeded for _, succeeded, _ in self._calls)
        latencies = sorted(latency_ms for _, succeeded, latency_ms in self._calls if succeeded)
        return WindowFigures(
            uptime=1.0 - failure_count / request_count if request_count else 1.0,
            request_count=request_count,
            failure_count=failure_count,
            latency_p50_ms=_quantile(latencies, 0.5),
            latency_p99_ms=_quantile(latencies, 0.99),
        )


def _quantile(ascending: list[float], fraction: float) -> float:
    # Nearest rank: always a latency that was really seen.
    return ascending[max(math.ceil(fraction * len(ascending)) - 1, 0)] if ascending else 0.0
