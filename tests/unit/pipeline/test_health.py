from dataclasses import dataclass
from typing import cast

import pytest
from fakes.fake_clock import FakeClock

from pipeline.executor.worker import WorkerCounts
from pipeline.health import HealthReporter
from pipeline.scanner.loop import ScanCounts
from quote_core.bus import Bus, StageCounts
from quote_core.events import Rejection, RejectionCount, ServiceHealth, decode, encode
from quote_core.health import WorkFigures


@dataclass
class Refusing:
    """What a reporter reads of its bus."""

    refused_count: int = 0
    last_refusal: str = ""


def test_a_report_is_of_the_window_since_the_last_one() -> None:
    clock, work = FakeClock(), WorkFigures.now(handled_total=7, errors_total=1)
    reporter = HealthReporter(
        cast("Bus", Refusing()), service="planner", clock=clock, interval_ns=10**9, work=lambda: work
    )
    clock.advance_ms(1_000)
    first = reporter.next_report()
    work = WorkFigures.now(handled_total=9, errors_total=1)
    clock.advance_ms(500)
    second = reporter.next_report()
    assert (first.handled_count, first.error_count, first.window_ms, first.uptime_ms) == (7, 1, 1_000, 1_000)
    assert (second.handled_count, second.error_count, second.window_ms, second.uptime_ms) == (2, 0, 500, 1_500)
    assert first.header.event_id != second.header.event_id
    assert first.memory_used_bytes > 0
    assert first.memory_limit_bytes > first.memory_used_bytes


def test_a_step_of_the_wall_clock_is_told_for_a_minute_and_a_slewing_clock_is_not() -> None:
    clock = FakeClock()
    reporter = HealthReporter(
        cast("Bus", Refusing()), service="planner", clock=clock, interval_ns=10**9, work=WorkFigures
    )
    for _ in range(100):
        clock.advance_ms(1_000)
        clock.step_wall_ns(10_000_000)  # a second of drift in all
        assert reporter.next_report().detail == ""
    clock.step_wall_ns(-3_600_000_000_000)
    clock.advance_ms(1_000)
    assert reporter.next_report().detail == "the wall clock was set by -3600.0 s, 0 s ago"
    clock.advance_ms(60_000)
    assert reporter.next_report().detail.endswith("60 s ago")
    clock.advance_ms(1)
    assert reporter.next_report().detail == ""


def test_what_the_bus_refused_is_told_in_the_next_report_and_no_later_one() -> None:
    bus = Refusing()
    reporter = HealthReporter(
        cast("Bus", bus),
        service="planner",
        clock=FakeClock(),
        interval_ns=10**9,
        work=WorkFigures,
        detail=lambda: "x",
    )
    assert reporter.next_report().detail == "x"
    bus.refused_count, bus.last_refusal = 3, "no stream keeps plan.SOL-USDC"
    assert reporter.next_report().detail == "x; NATS refused 3 messages, last: no stream keeps plan.SOL-USDC"
    assert reporter.next_report().detail == "x"


def test_what_is_beyond_its_field_is_told_as_the_most_it_can_hold() -> None:
    reporter = HealthReporter(
        cast("Bus", Refusing()),
        service="event_logger",
        clock=FakeClock(),
        interval_ns=10**9,
        work=lambda: WorkFigures(unwritten_ms=2**40),
        detail=lambda: "the disk is gone",
    )
    report = reporter.next_report()
    assert (report.unwritten_ms, report.detail) == (2**32 - 1, "the disk is gone")
    assert decode(encode(report)) == report


@pytest.mark.parametrize(
    ("counts", "handled_count", "error_count"),
    [
        (StageCounts(taken=100, answered=20, published=40, retried=10, dead=3), 23, 3),
        (ScanCounts(changes=100, looked_at=50, published=9, torn=8, gated=7, dropped=6, implausible=4), 50, 10),
        (WorkerCounts(filled=1, missed=2, failed=3, refused=4, abandoned=5, dead=6, broken=2), 21, 8),
    ],
)
def test_what_a_stage_handled_and_what_of_it_is_its_own_fault(
    counts: StageCounts | ScanCounts | WorkerCounts, handled_count: int, error_count: int
) -> None:
    """What the market, a neighbour or a closed gate did is no error of the stage."""
    work = counts.work()
    assert (work.handled_total, work.errors_total) == (handled_count, error_count)


def test_the_planner_tells_its_rejections_since_it_began() -> None:
    rejected = (RejectionCount(reason=Rejection.PROFIT, count=3), RejectionCount(reason=Rejection.GATE, count=1))
    reporter = HealthReporter(
        cast("Bus", Refusing()),
        service="planner",
        clock=FakeClock(),
        interval_ns=10**9,
        work=WorkFigures,
        rejected=lambda: rejected,
    )
    report = decode(encode(reporter.next_report()))
    assert isinstance(report, ServiceHealth)
    assert report.rejected == rejected
