"""The vocabulary of health, and what every quote service makes of it."""

from fakes.fake_clock import FakeClock

from quote_core.health import Condition, QuoteServiceHealth, WorkFigures


class SampleHealth(QuoteServiceHealth):
    @property
    def is_serving(self) -> bool:
        return False

    def line(self) -> str:
        return "2 of 3 directions quoted"

    def findings(self) -> list[str]:
        return ["the feed is down"]

    def figures(self) -> dict[str, float]:
        return {"pools": 4.0}

    def work(self) -> WorkFigures:
        return WorkFigures.now(handled_total=3)


def test_the_figures_of_an_answer_are_read_as_they_were_written() -> None:
    work = WorkFigures.now(handled_total=3, errors_total=1, slot=7)
    assert WorkFigures.read({**work.figures(), "another": 5.5}) == work
    assert work.memory_limit_bytes >= work.memory_used_bytes > 0
    assert WorkFigures.read({}) == WorkFigures()


def test_a_quote_service_tells_its_supervisor_and_its_clients_the_same() -> None:
    clock = FakeClock()
    health = SampleHealth(clock=clock, version="1.2.3")
    clock.advance_ms(1_500)
    report = health.report()
    assert health.condition() == Condition(is_ready=False, line="2 of 3 directions quoted")
    assert (report.is_serving, report.version, report.uptime_ms) == (False, "1.2.3", 1_500)
    assert report.findings == ("the feed is down",)
    assert report.figures["pools"] == 4.0
    assert WorkFigures.read(report.figures).handled_total == 3
