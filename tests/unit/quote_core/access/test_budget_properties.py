"""What one client is let do, whatever it does when: by a clock that a test moves."""

from fakes.fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from quote_core.access import budget
from quote_core.access.budget import Budget, Budgets, Limits
from quote_core.errors import TooManyCalls
from quote_core.units import NS_PER_MS, NS_PER_S

WAITS_NS = st.lists(st.integers(0, 3 * NS_PER_S), max_size=80)


def admitted(one: Budget, clock: FakeClock, waits_ns: list[int]) -> list[int]:
    """When calls were let in, of one after each wait; a refused one is let in once it has waited as it was told."""
    moments = []
    for wait_ns in waits_ns:
        clock.advance_ns(wait_ns)
        try:
            one.charge()
        except TooManyCalls as error:
            clock.advance_ns(error.retry_after_ms * NS_PER_MS)
            one.charge()
        moments.append(clock.mono_ns())
    return moments


@given(WAITS_NS, st.integers(1, 50), st.integers(1, 20))
def test_no_span_of_time_has_more_calls_than_the_rate_and_what_was_saved_up(
    waits_ns: list[int], rate_per_s: int, burst_count: int
):
    clock = FakeClock()
    one = Budget("x", Limits(rate_per_s=rate_per_s, burst_count=burst_count), clock)
    moments = admitted(one, clock, waits_ns)
    for first, began_ns in enumerate(moments):
        for last in range(first, len(moments)):
            span_ns = moments[last] - began_ns
            assert last - first + 1 <= burst_count + -(-span_ns * rate_per_s // NS_PER_S)


@given(WAITS_NS, st.integers(1, 10))
def test_a_window_of_24_hours_that_begins_with_a_call_has_no_more_than_the_quota(waits_ns: list[int], quota_count: int):
    clock = FakeClock()
    one = Budget("x", Limits(quota_count=quota_count), clock)
    moments = admitted(one, clock, waits_ns)
    windows: list[list[int]] = []
    for moment in moments:
        if not windows or moment >= windows[-1][0] + budget.QUOTA_WINDOW_NS:
            windows.append([])
        windows[-1].append(moment)
    assert all(len(window) <= quota_count for window in windows)


@given(st.lists(st.integers(0, 20), max_size=100))
def test_what_is_known_of_clients_is_bounded_and_those_with_streams_are_kept(names: list[int]):
    count_max, budget.CLIENT_COUNT_MAX = budget.CLIENT_COUNT_MAX, 5
    try:
        budgets = Budgets(Limits(stream_count_max=1), FakeClock())
        kept = budgets.of("with a stream")
        kept.begin_stream()
        for name in names:
            budgets.of(str(name))
            assert len(budgets) <= 5
        assert budgets.of("with a stream") is kept
    finally:
        budget.CLIENT_COUNT_MAX = count_max


@given(WAITS_NS)
def test_a_refused_call_takes_nothing(waits_ns: list[int]):
    clock, other_clock = FakeClock(), FakeClock()
    limits = Limits(rate_per_s=1, burst_count=2, quota_count=7)
    tried, untried = Budget("x", limits, clock), Budget("x", limits, other_clock)
    for wait_ns in waits_ns:
        clock.advance_ns(wait_ns)
        other_clock.advance_ns(wait_ns)
        outcomes = []
        for one in (tried, untried):
            try:
                one.charge()
                outcomes.append(0)
            except TooManyCalls as error:
                outcomes.append(error.retry_after_ms)
        assert outcomes[0] == outcomes[1]
        if outcomes[0]:
            for _ in range(3):
                try:
                    tried.charge()
                except TooManyCalls:
                    continue
                raise AssertionError("let in without waiting")
