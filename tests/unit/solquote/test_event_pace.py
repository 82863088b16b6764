from hypothesis import given
from hypothesis import strategies as st

from quote_core.units import NS_PER_S
from solquote.event_pace import ReplayPace


def test_an_event_is_due_as_long_after_the_first_as_it_was_stored_after_it() -> None:
    pace = ReplayPace(1.0, 10)
    assert pace.wait_s(1_000 * NS_PER_S, 50 * NS_PER_S) == 0
    assert pace.wait_s(1_003 * NS_PER_S, 51 * NS_PER_S) == 2


def test_twice_as_fast_is_due_in_half_the_time_and_what_is_late_at_once() -> None:
    pace = ReplayPace(2.0, 10)
    pace.wait_s(0, 0)
    assert pace.wait_s(10 * NS_PER_S, NS_PER_S) == 4
    assert pace.wait_s(10 * NS_PER_S, 7 * NS_PER_S) == 0


@given(st.lists(st.integers(0, 10**18), min_size=1, max_size=20), st.floats(0.001, 1_000))
def test_who_waits_as_told_is_never_early_and_the_last_comes_after_the_whole_span(
    stored: list[int], speed: float
) -> None:
    pace, now_mono_ns = ReplayPace(speed, 100), 0
    ordered = sorted(stored)
    for stored_unix_ns in ordered:
        now_mono_ns += round(pace.wait_s(stored_unix_ns, now_mono_ns) * NS_PER_S)
        assert now_mono_ns >= (stored_unix_ns - ordered[0]) / speed * (1 - 1e-9) - 1_000
