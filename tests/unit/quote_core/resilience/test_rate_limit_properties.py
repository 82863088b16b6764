from fakes.fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from quote_core.errors import RateLimited
from quote_core.resilience import RateLimiter

S = 1_000_000_000
steps = st.lists(st.tuples(st.integers(0, 3 * S), st.integers(1, 3)), max_size=60)


@given(steps, st.floats(0.1, 50.0), st.integers(3, 10))
def test_never_more_than_burst_plus_rate_times_time_is_granted(
    taken: list[tuple[int, int]], rate: float, burst: int
) -> None:
    clock = FakeClock()
    limiter = RateLimiter(name="any", rate_per_s=rate, burst_count=burst, clock=clock)
    granted_count = elapsed_ns = 0
    for pause_ns, count in taken:
        clock.advance_ns(pause_ns)
        elapsed_ns += pause_ns
        try:
            limiter.reserve(count)
        except RateLimited:
            assert limiter.wait_ns(count) > 0
            continue
        granted_count += count
        assert granted_count <= burst + limiter.rate_per_s * elapsed_ns / S + 1e-6


@given(steps)
def test_waiting_as_told_is_always_enough(taken: list[tuple[int, int]]) -> None:
    clock = FakeClock()
    limiter = RateLimiter(name="any", rate_per_s=1.0, burst_count=3, clock=clock)
    for pause_ns, count in taken:
        clock.advance_ns(pause_ns)
        clock.advance_ns(limiter.wait_ns(count))
        limiter.reserve(count)
