from statistics import median_low

from hypothesis import given
from hypothesis import strategies as st

from local_quote.market_events.volume_windows import WINDOWS_KEPT, WINDOWS_MIN, Spike, VolumeWindows, spike_of
from quote_core.units import Pubkey

POOL = Pubkey("pool")
USUAL = (100, 110, 90, 105, 95) * 2


def test_a_volume_far_above_the_usual_is_a_spike() -> None:
    assert spike_of(POOL, 1_000, USUAL, limit=6) == Spike(POOL, 1_000, 100, 5, 10)
    assert spike_of(POOL, 120, USUAL, limit=6) is None


def test_nothing_is_a_spike_before_it_is_known_what_is_usual() -> None:
    assert spike_of(POOL, 10**9, USUAL[: WINDOWS_MIN - 1], limit=1) is None


def test_where_all_windows_were_alike_a_spike_has_twice_their_volume() -> None:
    assert spike_of(POOL, 199, (100,) * 10, limit=6) is None
    assert spike_of(POOL, 200, (100,) * 10, limit=6) == Spike(POOL, 200, 100, 0, 10)


def test_a_spike_among_the_windows_before_hides_no_other() -> None:
    assert spike_of(POOL, 1_000, (*USUAL[:-1], 50_000), limit=6) is not None


def test_windows_end_together_and_a_pool_without_trades_has_one_of_nothing() -> None:
    windows = VolumeWindows(window_ns=10, limit=6)
    assert list(windows.close_due(0)) == []
    windows.add(POOL, 3)
    windows.add(POOL, 4)
    for number in range(1, 12):
        assert list(windows.close_due(10 * number)) == []
    windows.add(POOL, 50)
    assert list(windows.close_due(119)) == []
    assert list(windows.close_due(120)) == [Spike(POOL, 50, 0, 0, 11)]
    windows.forget(POOL)
    assert len(windows) == 0


@given(st.lists(st.integers(0, 10**12), min_size=WINDOWS_MIN, max_size=WINDOWS_KEPT), st.integers(0, 10**13))
def test_a_spike_is_above_median_and_deviations_and_nothing_else_is(before: list[int], amount: int) -> None:
    usual = median_low(before)
    deviation = median_low(abs(one - usual) for one in before)
    is_spike = amount > 0 and amount >= 2 * usual and amount - usual > 6 * 1.4826 * deviation
    assert (spike_of(POOL, amount, tuple(before), limit=6) is not None) is is_spike
