from hypothesis import given, settings
from hypothesis import strategies as st

from recorded_market.rate_window import WINDOW_NS, RateWindow


@settings(deadline=None)
@given(st.integers(0, 5), st.lists(st.integers(0, WINDOW_NS), max_size=60))
def test_no_window_ever_holds_more_than_its_bound(count_max: int, gaps_ns: list[int]) -> None:
    window, now_ns, allowed_ns = RateWindow(count_max), 0, []
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        if window.take(now_ns).is_allowed:
            allowed_ns.append(now_ns)
    for index, start_ns in enumerate(allowed_ns):
        assert sum(start_ns <= at < start_ns + WINDOW_NS for at in allowed_ns[index:]) <= count_max
