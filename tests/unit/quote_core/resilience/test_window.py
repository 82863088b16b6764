import pytest
from fakes.fake_clock import FakeClock

from quote_core.resilience import HealthWindow

S = 1_000_000_000


def test_empty_window_speaks_against_nobody() -> None:
    figures = HealthWindow(window_ns=S, count_max=10, clock=FakeClock()).figures()
    assert figures.uptime == 1.0
    assert figures.request_count == 0
    assert figures.latency_p99_ms == 0.0


def test_uptime_counts_failures_and_latency_only_successes() -> None:
    window = HealthWindow(window_ns=S, count_max=1000, clock=FakeClock())
    for latency_ms in range(1, 101):
        window.record(succeeded=True, latency_ms=float(latency_ms))
    for _ in range(25):
        window.record(succeeded=False, latency_ms=9_999.0)
    figures = window.figures()
    assert figures.uptime == pytest.approx(0.8)
    assert figures.failure_count == 25
    assert figures.latency_p50_ms == 50.0
    assert figures.latency_p99_ms == 99.0


def test_calls_older_than_the_window_are_forgotten() -> None:
    clock = FakeClock()
    window = HealthWindow(window_ns=10 * S, count_max=10, clock=clock)
    window.record(succeeded=False, latency_ms=1.0)
    clock.advance_ns(10 * S + 1)
    window.record(succeeded=True, latency_ms=1.0)
    assert window.figures().uptime == 1.0
    assert window.figures().request_count == 1


def test_only_the_newest_calls_are_kept() -> None:
    window = HealthWindow(window_ns=10 * S, count_max=3, clock=FakeClock())
    for succeeded in (False, False, True, True, True):
        window.record(succeeded=succeeded, latency_ms=1.0)
    assert window.figures().uptime == 1.0
    assert window.figures().request_count == 3
