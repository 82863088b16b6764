import pytest
from fakes.fake_clock import FakeClock

from quote_core.errors import ProviderUnavailable
from quote_core.resilience import BreakerState, CircuitBreaker

S = 1_000_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker(name="jupiter", failure_count_max=3, open_ns=10 * S, clock=clock)


def fail(breaker: CircuitBreaker, count: int) -> None:
    for _ in range(count):
        breaker.check()
        breaker.fail()


def test_failures_in_a_row_open_it(breaker: CircuitBreaker) -> None:
    fail(breaker, 3)
    assert breaker.state is BreakerState.OPEN
    with pytest.raises(ProviderUnavailable, match=r"circuit open .* next try in 10000 ms"):
        breaker.check()


def test_success_in_between_starts_the_count_over(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    breaker.succeed()
    fail(breaker, 2)
    assert breaker.state is BreakerState.CLOSED
    breaker.check()


def test_one_probe_passes_when_the_time_is_over_and_others_wait_for_it(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    fail(breaker, 3)
    clock.advance_ns(10 * S)
    assert breaker.state is BreakerState.HALF_OPEN
    breaker.check()
    with pytest.raises(ProviderUnavailable):
        breaker.check()


def test_good_probe_closes_it(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fail(breaker, 3)
    clock.advance_ns(10 * S)
    breaker.check()
    breaker.succeed()
    assert breaker.state is BreakerState.CLOSED
    fail(breaker, 2)
    assert breaker.state is BreakerState.CLOSED


def test_bad_probe_opens_it_for_another_period(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fail(breaker, 3)
    clock.advance_ns(10 * S)
    breaker.check()
    breaker.fail()
    assert breaker.state is BreakerState.OPEN
    with pytest.raises(ProviderUnavailable, match="next try in 10000 ms"):
        breaker.check()


def test_probe_that_never_reports_back_is_replaced_after_another_period(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    fail(breaker, 3)
    clock.advance_ns(10 * S)
    breaker.check()
    clock.advance_ns(10 * S)
    breaker.check()


def test_late_answers_to_calls_made_before_it_opened_change_nothing(breaker: CircuitBreaker) -> None:
    fail(breaker, 3)
    breaker.succeed()
    breaker.fail()
    assert breaker.state is BreakerState.OPEN
