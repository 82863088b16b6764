"""A circuit breaker: stop calling what keeps failing, and let one call find out whether it is back.

| state | a call | success | failure |
|---|---|---|---|
| CLOSED | passes | failures in a row = 0 | at `failure_count_max` in a row: OPEN |
| OPEN | refused; after `open_ns` it is HALF_OPEN | late answer: ignored | late answer: ignored |
| HALF_OPEN | one passes, others are refused | CLOSED | OPEN again, for another `open_ns` |

A probe that never reports back would hold HALF_OPEN for ever; after another `open_ns` the next call probes instead.
"""

import enum

from quote_core.clock import Clock
from quote_core.errors import ProviderUnavailable
from quote_core.units import NS_PER_MS

__all__ = ["BreakerState", "CircuitBreaker"]


class BreakerState(enum.Enum):
    """See the table above; values are those of the `BreakerState` message enum."""

    CLOSED = 1
    OPEN = 2
    HALF_OPEN = 3


class CircuitBreaker:
    """One breaker, for one thing that can fail."""

    def __init__(self, *, name: str, failure_count_max: int, open_ns: int, clock: Clock) -> None:
        self._name = name
        self._failure_count_max = failure_count_max
        self._open_ns = open_ns
        self._clock = clock
        self._state = BreakerState.CLOSED
        self._failure_count = 0
        self._changed_at_ns = 0

    @property
    def state(self) -> BreakerState:
        """The state a call would find now."""
        if self._state is BreakerState.OPEN and self._waited():
            return BreakerState.HALF_OPEN
        return self._state

    @property
    def is_passable(self) -> bool:
        """Whether `check` would pass now."""
        return self._state is BreakerState.CLOSED or self._waited()

    def check(self) -> None:
        """Pass when a call may be made; in HALF_OPEN that call is the probe.

        Raises:
            ProviderUnavailable: The circuit is open.
        """
        if self._state is BreakerState.CLOSED:
            return
        if not self.is_passable:
            wait_ms = (self._changed_at_ns + self._open_ns - self._clock.mono_ns()) // NS_PER_MS
            raise ProviderUnavailable(self._name, f"circuit open after repeated failures, next try in {wait_ms} ms")
        self._enter(BreakerState.HALF_OPEN)

    def succeed(self) -> None:
        """Report that a call worked."""
        if self._state is not BreakerState.OPEN:
            self._failure_count = 0
            self._state = BreakerState.CLOSED

    def fail(self) -> None:
        """Report that a call did not."""
        if self._state is BreakerState.CLOSED:
            self._failure_count += 1
            if self._failure_count >= self._failure_count_max:
                self._enter(BreakerState.OPEN)
        elif self._state is BreakerState.HALF_OPEN:
            self._enter(BreakerState.OPEN)

    def _waited(self) -> bool:
        return self._clock.mono_ns() >= self._changed_at_ns + self._open_ns

    def _enter(self, state: BreakerState) -> None:
        self._state = state
        self._changed_at_ns = self._clock.mono_ns()
