"""An anomaly is told with the figures it was computed from; what is usual, quiet or in the good direction is none."""

from dataclasses import replace

import pytest
from fakes.manager_limits import LIMITS, NOON_NS, SECOND_NS
from fakes.pipeline_events import health_report
from fakes.results import result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.system_manager.anomaly import LATENCY, NORMAL_MADS, Anomalies
from pipeline.system_manager.limits import Limits, Trip
from quote_core.events import Header, Outcome

WATCHFUL = replace(
    LIMITS, anomaly_z_max=8.0, anomaly_window_count=10, anomaly_interval_ns=60 * SECOND_NS, success_within_ns=0
)
MS = 1_000_000


def trade(
    anomalies: Anomalies,
    minute: float,
    *,
    latency_ms: float = 100,
    profit: int = 50_000,
    outcome: Outcome = Outcome.FILLED,
) -> Trip | None:
    at_ns = NOON_NS + round(minute * 60 * SECOND_NS)
    ended = result(profit, outcome=outcome, finished_unix_ns=at_ns)
    return anomalies.take_result(replace(ended, taken_unix_ns=at_ns - round(latency_ms * MS)))


def report(anomalies: Anomalies, minute: float, *, handled: int = 100, errors: int = 0) -> Trip | None:
    header = Header(event_id=bytes(16), created_unix_ns=NOON_NS + round(minute * 60 * SECOND_NS), slot=0)
    return anomalies.take_health(health_report(header=header, handled_count=handled, error_count=errors))


def learnt(limits: Limits = WATCHFUL, *, minutes: int = 12) -> Anomalies:
    """Which has seen latencies of 98 to 102 ms, profits of 30,000 to 70,000 and no more than 2 % of errors."""
    anomalies = Anomalies(limits)
    for minute in range(minutes):
        spread = minute % 5 - 2
        assert trade(anomalies, minute, latency_ms=100 + spread, profit=50_000 + 10_000 * spread) is None
        assert report(anomalies, minute, errors=minute % 3) is None
    return anomalies


def test_a_latency_far_above_the_usual_trips_and_says_how_that_was_computed() -> None:
    anomalies = learnt()
    assert trade(anomalies, 12, latency_ms=900) is None, "its interval has not ended"
    trip = trade(anomalies, 13)
    assert trip is not None
    assert trip.rule == "anomaly"
    z = NORMAL_MADS * (900 - 100) / LATENCY.floor
    assert trip.reason == (
        f"latency 900 ms: z {z:.1f}, beyond 8; median 100, MAD 1 (at least 10) of the last 10 intervals of 60 s"
    )
    assert anomalies.triggering() == trip
    assert trade(anomalies, 14) is None
    assert anomalies.triggering() is None, "the last interval was as usual"


def test_a_share_of_errors_and_a_loss_trip_and_their_opposites_do_not() -> None:
    anomalies = learnt()
    report(anomalies, 12, errors=60)
    assert "error rate 0.6: z" in str(report(anomalies, 13))
    anomalies = learnt()
    trade(anomalies, 12, profit=-2_000_000)
    assert "profit of a trade -2e+06 lamports: z -" in str(trade(anomalies, 13))
    anomalies = learnt()
    trade(anomalies, 12, profit=10**12, latency_ms=0)
    assert trade(anomalies, 13) is None


def test_nothing_is_judged_before_half_of_the_window_is_there() -> None:
    anomalies = learnt(minutes=4)
    trade(anomalies, 5, latency_ms=9_000)
    assert trade(anomalies, 6) is None, "four intervals had ended before it"


def test_a_quiet_hour_and_what_is_no_trade_are_no_figures() -> None:
    anomalies = learnt()
    assert trade(anomalies, 12, latency_ms=10**7, outcome=Outcome.REFUSED) is None
    assert report(anomalies, 12, handled=0) is None
    assert trade(anomalies, 600) is None
    assert trade(anomalies, 601) is None


def test_a_release_learns_anew() -> None:
    anomalies = learnt()
    trade(anomalies, 12, latency_ms=9_000)
    anomalies.rearm()
    assert trade(anomalies, 13) is None
    assert anomalies.triggering() is None


def test_it_is_off_unless_it_is_asked_for() -> None:
    anomalies = learnt(LIMITS)
    trade(anomalies, 12, latency_ms=10**7)
    assert trade(anomalies, 13) is None
    assert anomalies.triggering() is None


@pytest.mark.parametrize("by_hours", [-5, 5])
def test_a_clock_that_was_set_ends_the_interval_and_the_next_goes_on(by_hours: int) -> None:
    anomalies = learnt()
    trade(anomalies, 12 + 60 * by_hours, latency_ms=900)
    assert trade(anomalies, 13 + 60 * by_hours) is not None


@given(st.lists(st.integers(0, 10_000), min_size=10, max_size=40), st.integers(0, 10**7))
def test_half_of_the_window_cannot_hide_a_value_beyond_all_of_it(usual: list[int], far_ms: int) -> None:
    anomalies = Anomalies(replace(WATCHFUL, anomaly_window_count=len(usual)))
    for minute, latency_ms in enumerate([*usual, max(usual) + 10**6 + far_ms]):
        trade(anomalies, minute, latency_ms=latency_ms)
    assert trade(anomalies, len(usual) + 1) is not None
