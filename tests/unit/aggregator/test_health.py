from fakes.fake_clock import FakeClock

from aggregator.health import AggregatorHealth
from quote_core.serving import CallCounter


def health(*, local: bool, external: bool, clock: FakeClock | None = None) -> AggregatorHealth:
    return AggregatorHealth(
        clock=clock or FakeClock(),
        version="1.2.3",
        is_serving=lambda: local,
        upstreams={"local quote service": lambda: local, "external quote service": lambda: external},
        figures={"rows": lambda: 1080, "files": lambda: 2},
        calls=CallCounter(),
    )


def test_all_well_has_no_finding() -> None:
    report = health(local=True, external=True).report()
    assert report.is_serving
    assert report.findings == ()
    assert (report.figures["rows"], report.figures["files"]) == (1080.0, 2.0)
    assert report.figures["memory_used_bytes"] > 0


def test_it_serves_while_local_quotes_flow_and_whatever_is_missing_is_a_finding() -> None:
    report = health(local=True, external=False).report()
    assert report.is_serving
    assert report.findings == ("external quote service does not deliver",)
    report = health(local=False, external=True).report()
    assert not report.is_serving
    assert report.findings == ("local quote service does not deliver",)


def test_status_is_one_short_line() -> None:
    assert health(local=True, external=False).condition().line == "1080 rows, 2 files, local ok, external down"


def test_uptime_counts_from_the_start() -> None:
    clock = FakeClock()
    one = health(local=True, external=True, clock=clock)
    clock.advance_ms(1_500)
    assert one.report().uptime_ms == 1_500
