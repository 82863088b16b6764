"""What is told of processes, and when."""

from fakes.alerts import NOW_NS, SECOND_NS
from fakes.pipeline_events import health_report

from pipeline.notifier.alert import Ending, Level, Notice
from pipeline.notifier.health_watch import (
    INSTANCE_COUNT_MAX,
    REPORTED_BY_MANAGER,
    SERVICE_COUNT_MAX,
    START_NS,
    HealthWatch,
)
from pipeline.wire import QUOTE_SERVICES

HOUR_MS = 3_600_000


class Watched:
    """A watch and its clock; who reports has run for longer than it."""

    def __init__(self, *known: str) -> None:
        self.now_ns = 0
        self.watch = HealthWatch(
            silence_ns=15 * SECOND_NS,
            unwell_ns=10 * SECOND_NS,
            settle_ns=30 * SECOND_NS,
            known=known,
            now_mono_ns=self.now_ns,
        )

    def hear(self, service: str = "planner", **figures: object) -> list[tuple[str, Level]]:
        report = health_report(**{"service": service, "uptime_ms": self.now_ns // 1_000_000 + HOUR_MS, **figures})
        return [(one.title, one.level) for one in self.watch.hear(report, now_mono_ns=self.now_ns, unix_ns=NOW_NS)]

    def pass_s(self, seconds: int, *reporting: str) -> list[str]:
        """What is told while so much time passes, with a report a second."""
        told: list[str] = []
        for _ in range(seconds):
            self.now_ns += SECOND_NS
            for service in reporting:
                told += [title for title, _ in self.hear(service)]
            for found in self.watch.look(now_mono_ns=self.now_ns, unix_ns=NOW_NS):
                match found:
                    case Notice(title=title, level=level):
                        assert level is Level.CRITICAL
                        told.append(title)
                    case Ending(text=text):
                        told.append(text)
        return told


def test_a_process_that_is_well_is_told_nothing_of_but_that_it_is():
    watched = Watched()
    assert watched.hear() == []
    assert watched.pass_s(60, "planner") == ["planner is well again."]


def test_silence_is_told_once_and_its_end_after_good_reports():
    watched = Watched()
    watched.hear()
    assert watched.pass_s(14) == []
    assert watched.pass_s(60) == ["planner is silent"]
    assert watched.pass_s(29, "planner") == []
    assert watched.pass_s(60, "planner") == ["planner is well again."]


def test_one_that_reported_before_a_restart_is_missed_and_one_that_never_did_is_not():
    watched = Watched("executor")
    assert watched.watch.known == ["executor"]
    assert watched.pass_s(START_NS // SECOND_NS + 20) == ["executor is silent"]
    assert watched.watch.known == []


def test_one_that_reported_before_a_restart_has_time_to_start_and_once_it_reports_none_more():
    watched = Watched("executor", "system_manager")
    watched.watch.begin_anew(watched.now_ns)  # as long as there is no connection
    assert watched.pass_s(START_NS // SECOND_NS + 14) == []
    watched = Watched("executor")
    watched.pass_s(5)
    assert watched.pass_s(40, "executor") == ["executor is well again."]
    assert watched.pass_s(20) == ["executor is silent"]


def test_nobody_is_silent_while_nothing_could_be_heard():
    watched = Watched("executor")
    for _ in range(5):
        watched.watch.begin_anew(watched.now_ns)
        assert watched.pass_s(14) == []
    assert watched.pass_s(START_NS // SECOND_NS) == ["executor is silent"]


def test_a_trouble_and_one_that_does_not_serve_are_warnings_and_end_when_it_has_been_well_for_a_while():
    watched = Watched()
    for _ in range(10):
        assert watched.hear(detail="disk is full") + watched.hear("aggregator", serving=False) == []
        assert watched.pass_s(1) == []
    assert watched.hear(detail="disk is full") == [("planner reports a trouble", Level.WARNING)]
    assert watched.hear("aggregator", serving=False) == [("aggregator does not serve", Level.WARNING)]
    assert watched.pass_s(29, "planner", "aggregator") == []
    assert watched.hear(detail="disk is full") == [("planner reports a trouble", Level.WARNING)]
    assert watched.pass_s(2, "planner", "aggregator") == ["aggregator is well again."]
    assert watched.pass_s(40, "planner", "aggregator") == ["planner is well again."]


def test_the_manager_is_missed_and_not_those_it_reports_on():
    watched = Watched()
    for _ in range(5):
        watched.watch.hear_manager(watched.now_ns)
        assert watched.pass_s(1, "local_quote") == []
    assert watched.pass_s(60) == ["system_manager is silent"]
    watched.watch.hear_manager(watched.now_ns)
    assert watched.pass_s(1) == []
    for _ in range(20):
        watched.watch.hear_manager(watched.now_ns)
        told = watched.pass_s(1)
        if told:
            break
    assert told == ["local_quote is silent"]


def test_a_manager_that_was_away_for_less_than_it_takes_to_be_silent_makes_nobody_silent():
    watched = Watched()
    watched.watch.hear_manager(watched.now_ns)
    watched.hear("local_quote")
    assert watched.pass_s(14) == []
    watched.now_ns += SECOND_NS - 1
    watched.watch.hear_manager(watched.now_ns)
    assert watched.pass_s(1, "local_quote") == []


def test_the_quote_services_are_those_the_manager_reports_on():
    assert set(QUOTE_SERVICES) == REPORTED_BY_MANAGER


def test_a_start_or_one_bad_report_is_told_to_nobody_and_the_next_trouble_begins_anew():
    watched = Watched()
    for _ in range(9):
        assert watched.hear(serving=False) == []
        watched.pass_s(1)
    assert watched.pass_s(60, "planner") == ["planner is well again."]
    assert watched.hear(serving=False) == []


def test_one_of_several_instances_that_is_unwell_is_told_whatever_the_others_report():
    watched = Watched()
    told: list[tuple[str, Level]] = []
    for _ in range(12):
        told += watched.hear(instance="2", detail="disk is full") + watched.hear(instance="1")
        watched.pass_s(1, "planner")
    assert set(told) == {("planner reports a trouble", Level.WARNING)}


def test_a_process_that_reported_before_and_has_started_is_told_once_for_each_start():
    watched = Watched("planner")
    assert watched.hear() == []
    watched.pass_s(10, "planner")
    assert watched.hear(instance="2", uptime_ms=1_000) == [("planner has started", Level.INFO)]
    assert watched.hear(instance="2", uptime_ms=2_000) == []
    assert watched.hear(instance="2", uptime_ms=500) == [("planner has started", Level.INFO)]
    assert watched.hear("scanner", uptime_ms=1_000) == []  # it never reported before
    assert watched.hear(serving=False, uptime_ms=0) == []
    assert watched.hear() == []


def test_instances_beyond_the_bound_are_forgotten():
    watched = Watched("planner")
    watched.pass_s(1)
    for instance in map(str, range(INSTANCE_COUNT_MAX + 1)):
        assert watched.hear(instance=instance, uptime_ms=1) == [("planner has started", Level.INFO)]
    assert watched.hear(instance="1", uptime_ms=1) == []
    assert watched.hear(instance="0", uptime_ms=1) == [("planner has started", Level.INFO)]


def test_names_beyond_the_bound_are_not_watched():
    watched = Watched(*(str(number) for number in range(SERVICE_COUNT_MAX)))
    for name in ("one more", "7"):
        watched.hear(name, serving=False)
    watched.now_ns += 10 * SECOND_NS
    assert watched.hear("one more", serving=False) == []
    assert watched.hear("7", serving=False) == [("7 does not serve", Level.WARNING)]
