"""Who has seen the switch: by the last word of each process, as long as it is a word of lately."""

from dataclasses import replace

from fakes.manager_limits import NOON_NS, SECOND_NS
from fakes.pipeline_events import health_report

from pipeline.system_manager.acknowledgements import PROCESS_COUNT_MAX, Acknowledgements
from quote_core.events import Header, ServiceHealth


def report(service: str, revision: int, *, instance: str = "a/1", at_s: float = 0) -> ServiceHealth:
    at_unix_ns = NOON_NS + round(at_s * SECOND_NS)
    header = Header(event_id=bytes(16), created_unix_ns=at_unix_ns, slot=0)
    return replace(health_report(header=header, service=service, instance=instance), switch_revision=revision)


def told(acknowledgements: Acknowledgements, revision: int, *, at_s: float = 0) -> list[tuple[str, str, int, bool]]:
    now_unix_ns = NOON_NS + round(at_s * SECOND_NS)
    return [
        (each.service, each.instance, each.revision, each.is_current)
        for each in acknowledgements.of(revision, now_unix_ns=now_unix_ns)
    ]


def test_each_process_is_current_by_its_own_last_word_and_a_service_unheard_of_is_missing() -> None:
    heard = Acknowledgements()
    for each in (report("executor", 7), report("executor", 7, instance="b/2"), report("scanner", 7)):
        heard.take(each)
    heard.take(report("executor", 8, instance="b/2"))
    heard.take(report("auditor", 0))
    assert told(heard, 8) == [
        ("scanner", "a/1", 7, False),
        ("planner", "", 0, False),
        ("executor", "a/1", 7, False),
        ("executor", "b/2", 8, True),
    ]


def test_a_process_that_fell_silent_is_not_current_and_is_forgotten_later() -> None:
    heard = Acknowledgements()
    heard.take(report("planner", 3))
    assert ("planner", "a/1", 3, True) in told(heard, 3, at_s=9.9)
    assert ("planner", "a/1", 3, False) in told(heard, 3, at_s=10)
    assert ("planner", "", 0, False) in told(heard, 3, at_s=60)


def test_a_gate_that_has_read_nothing_has_acknowledged_nothing() -> None:
    heard = Acknowledgements()
    heard.take(report("planner", 3))
    heard.take(report("planner", 0, at_s=1))
    assert ("planner", "a/1", 0, False) in told(heard, 3, at_s=1)


def test_what_is_held_is_bounded() -> None:
    heard = Acknowledgements()
    for number in range(1_000):
        heard.take(report("planner", 1, instance=str(number)))
    assert len(heard.of(1, now_unix_ns=NOON_NS)) == PROCESS_COUNT_MAX + 2
