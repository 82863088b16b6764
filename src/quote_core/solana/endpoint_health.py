"""How one endpoint is, from how its calls end: no I/O, on a given clock.

Made of what every caller in this product is kept polite with: a window of endings, a breaker, a pause.

| state     | comes with                             | ends with                            | is asked                 |
|-----------|----------------------------------------|--------------------------------------|--------------------------|
| HEALTHY   | the start, the end of the others       | one of the others                    | by weight                |
| DEGRADED  | of the last minute's calls, 5 or more, | a smaller share of failures          | when no healthy one is   |
|           | 20 % or more failed                    |                                      | left                     |
| UNHEALTHY | 5 failures in a row                    | a call begun 2 s later or after, that| when no other is left;   |
|           |                                        | succeeds                             | by `endpoint_watch`      |
| COOLING   | a 429, or a `Retry-After`, in seconds  | the time asked for, without one 1 s, | not at all               |
|           | or as an HTTP date, of any 5xx         | a day at most                        |                          |

Where several hold, the lowest line of the table is the state. A success is an answer, a refusal of the call by name
included; a failure is no answer in time, no connection, HTTP 5xx, rubbish, or an error that says the node is behind or
broken. A 429 is neither: the node is well, and wants fewer calls.
"""

import contextlib
import enum
from typing import Final

from quote_core.clock import Clock
from quote_core.errors import ProviderUnavailable
from quote_core.resilience import BreakerState, CircuitBreaker, HealthWindow, Pause
from quote_core.units import NS_PER_S

__all__ = ["EndpointHealth", "EndpointState"]

DEGRADED_FRACTION: Final = 0.2
DEGRADED_CALLS_MIN: Final = 5
"""The fewest of which one failure is a fifth."""
UNHEALTHY_FAILURES: Final = 5
RETRY_NS: Final = 2 * NS_PER_S
WINDOW_NS: Final = 60 * NS_PER_S
WINDOW_CALLS_MAX: Final = 1_000


class EndpointState(enum.Enum):
    """See the table above; in the order of it."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    COOLING = "cooling"


class EndpointHealth:
    """Told how each call ended."""

    def __init__(self, *, name: str, clock: Clock) -> None:
        self._window = HealthWindow(window_ns=WINDOW_NS, count_max=WINDOW_CALLS_MAX, clock=clock)
        self._breaker = CircuitBreaker(name=name, failure_count_max=UNHEALTHY_FAILURES, open_ns=RETRY_NS, clock=clock)
        self._pause = Pause(name=name, clock=clock)

    @property
    def state(self) -> EndpointState:
        """The state now."""
        if self._pause.remaining_ns:
            return EndpointState.COOLING
        if self._breaker.state is not BreakerState.CLOSED:
            return EndpointState.UNHEALTHY
        figures = self._window.figures()
        is_degraded = (
            figures.request_count >= DEGRADED_CALLS_MIN
            and figures.failure_count >= DEGRADED_FRACTION * figures.request_count
        )
        return EndpointState.DEGRADED if is_degraded else EndpointState.HEALTHY

    @property
    def pause_ns(self) -> int:
        """How long the endpoint wants no call yet; 0 = it does not say."""
        return self._pause.remaining_ns

    def begin(self) -> None:
        """A call is made. Nobody is refused here: who has no other endpoint asks an unhealthy one."""
        with contextlib.suppress(ProviderUnavailable):
            self._breaker.check()  # which makes this call the one that finds out, where it is time for one

    def succeed(self, latency_ms: float) -> None:
        """A call was answered."""
        self._window.record(succeeded=True, latency_ms=latency_ms)
        self._breaker.succeed()

    def fail(self) -> None:
        """A call failed."""
        self._window.record(succeeded=False, latency_ms=0.0)
        self._breaker.fail()

    def cool(self, duration_ns: int) -> None:
        """The endpoint wants no call for so long; a longer time that it asked for before stands."""
        self._pause.extend(duration_ns)
