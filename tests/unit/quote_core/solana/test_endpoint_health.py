"""The states of an endpoint, each as its table says."""

import pytest
from fakes.fake_clock import FakeClock

from quote_core.solana.endpoint_health import DEGRADED_CALLS_MIN, EndpointHealth, EndpointState


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def health(clock: FakeClock) -> EndpointHealth:
    return EndpointHealth(name="one#1", clock=clock)


def test_a_fifth_of_failures_degrades_and_less_does_not(health: EndpointHealth) -> None:
    for _ in range(4):
        health.succeed(1.0)
    assert health.state is EndpointState.HEALTHY
    health.fail()
    assert health.state is EndpointState.DEGRADED
    health.succeed(1.0)
    assert health.state is EndpointState.HEALTHY


def test_few_calls_say_nothing(health: EndpointHealth) -> None:
    for _ in range(DEGRADED_CALLS_MIN - 1):
        health.fail()
    assert health.state is EndpointState.HEALTHY


def test_five_failures_in_a_row_are_unhealthy_whatever_was_before(health: EndpointHealth) -> None:
    for _ in range(1_000):
        health.succeed(1.0)
    for _ in range(4):
        health.fail()
    health.succeed(1.0)
    for _ in range(4):
        health.fail()
    assert health.state is EndpointState.HEALTHY
    health.fail()
    assert health.state is EndpointState.UNHEALTHY


def test_an_unhealthy_one_is_back_after_one_success_but_not_by_an_answer_that_came_late(
    health: EndpointHealth, clock: FakeClock
) -> None:
    for _ in range(1_000):
        health.succeed(1.0)
    for _ in range(5):
        health.begin()
        health.fail()
    health.succeed(1.0)
    assert health.state is EndpointState.UNHEALTHY
    clock.advance_ms(2_000)
    assert health.state is EndpointState.UNHEALTHY
    health.begin()
    health.succeed(1.0)
    assert health.state is EndpointState.HEALTHY


def test_one_that_cools_is_afterwards_what_it_was(health: EndpointHealth, clock: FakeClock) -> None:
    for _ in range(5):
        health.fail()
    health.cool(30_000_000_000)
    health.cool(1_000_000_000)
    assert health.state is EndpointState.COOLING
    assert health.pause_ns == 30_000_000_000
    clock.advance_ms(30_000)
    assert health.state is EndpointState.UNHEALTHY
