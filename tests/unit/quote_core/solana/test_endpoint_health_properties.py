"""Whatever happens to an endpoint, its state is the one that the table says of what has happened."""

from collections import deque

from fakes.fake_clock import FakeClock
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from quote_core.solana.endpoint_health import (
    DEGRADED_CALLS_MIN,
    RETRY_NS,
    UNHEALTHY_FAILURES,
    WINDOW_CALLS_MAX,
    WINDOW_NS,
    EndpointHealth,
    EndpointState,
)


class EndpointModel(RuleBasedStateMachine):
    """The table once more, over a plain list of what happened."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.health = EndpointHealth(name="one#1", clock=self.clock)
        self.calls: deque[tuple[int, bool]] = deque(maxlen=WINDOW_CALLS_MAX)
        self.in_a_row = 0
        self.unhealthy_since_ns: int | None = None
        self.may_return = False
        self.cool_until_ns = 0

    @rule(ms=st.integers(0, 90_000))
    def time_passes(self, ms: int) -> None:
        self.clock.advance_ms(ms)

    @rule(is_success=st.booleans(), count=st.integers(1, 6))
    def calls_end(self, is_success: bool, count: int) -> None:
        for _ in range(count):
            self._begin()
            self._end(is_success)

    @rule(is_success=st.booleans())
    def a_call_ends_that_began_long_ago(self, is_success: bool) -> None:
        self._end(is_success)

    @rule(s=st.integers(0, 120))
    def it_wants_fewer_calls(self, s: int) -> None:
        self.health.cool(s * 1_000_000_000)
        self.cool_until_ns = max(self.cool_until_ns, self.clock.mono_ns() + s * 1_000_000_000)

    def _begin(self) -> None:
        self.health.begin()
        since_ns = self.unhealthy_since_ns
        if since_ns is not None and self.clock.mono_ns() >= since_ns + RETRY_NS:
            self.may_return = True
            self.unhealthy_since_ns = self.clock.mono_ns()

    def _end(self, is_success: bool) -> None:
        now_ns = self.clock.mono_ns()
        self.calls.append((now_ns, is_success))
        if is_success:
            self.health.succeed(1.0)
            if self.unhealthy_since_ns is None or self.may_return:
                self.in_a_row, self.unhealthy_since_ns, self.may_return = 0, None, False
            return
        self.health.fail()
        self.in_a_row += self.unhealthy_since_ns is None
        if self.in_a_row >= UNHEALTHY_FAILURES and (self.unhealthy_since_ns is None or self.may_return):
            self.unhealthy_since_ns, self.may_return = now_ns, False

    @invariant()
    def the_state_is_the_tables(self) -> None:
        now_ns = self.clock.mono_ns()
        lately = [is_success for ended_ns, is_success in self.calls if ended_ns >= now_ns - WINDOW_NS]
        if now_ns < self.cool_until_ns:
            expected = EndpointState.COOLING
        elif self.unhealthy_since_ns is not None:
            expected = EndpointState.UNHEALTHY
        elif len(lately) >= DEGRADED_CALLS_MIN and lately.count(False) * 5 >= len(lately):
            expected = EndpointState.DEGRADED
        else:
            expected = EndpointState.HEALTHY
        assert self.health.state is expected


TestEndpointModel = EndpointModel.TestCase
