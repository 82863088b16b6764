"""What is told of errors beside what is raised: each kind once, and refusals are kept for those who ask."""

import pytest
from nats.errors import Error as NatsError
from nats.errors import SlowConsumerError
from structlog.testing import capture_logs
from structlog.typing import EventDict

from quote_core.bus import error_log
from quote_core.bus.error_log import ErrorLog

REFUSED = NatsError('nats: permissions violation for publish to "System.Stop"')


def told(logs: list[EventDict]) -> list[str]:
    return [entry["event"] for entry in logs if entry["log_level"] == "error"]


def test_a_refusal_is_kept_for_its_verb_and_subject_alone() -> None:
    errors = ErrorLog()
    errors.note(REFUSED)
    assert errors.is_refused("publish to", "System.Stop")
    assert not errors.is_refused("publish to", "system.start")
    assert not errors.is_refused("subscription to", "System.Stop")


def test_a_kind_is_told_once_and_again_on_a_new_connection() -> None:
    errors = ErrorLog()
    with capture_logs() as logs:
        errors.note(REFUSED)
        errors.note(REFUSED)
        errors.forget()
        assert not errors.is_refused("publish to", "System.Stop")
        errors.note(REFUSED)
    assert told(logs) == ["NATS refuses what these credentials may not do"] * 2


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (SlowConsumerError("a", "b", 1, None), "messages were dropped: they came faster than they were taken"),
        (NatsError("nats: 'Authorization Violation'"), "NATS does not let us in"),
        (ZeroDivisionError("ours"), "an error in what receives messages"),
        (ConnectionRefusedError("it is away"), None),
        (NatsError("nats: unexpected EOF"), None),
    ],
)
def test_an_error_is_told_as_what_it_means_and_a_server_that_is_away_as_none(
    error: Exception, what: str | None
) -> None:
    with capture_logs() as logs:
        ErrorLog().note(error)
    assert told(logs) == ([] if what is None else [what])


def test_kinds_without_end_are_neither_told_nor_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_log, "KINDS_MAX", 2)
    errors = ErrorLog()
    with capture_logs() as logs:
        for number in range(4):
            errors.note(NatsError(f'nats: permissions violation for publish to "subject.{number}"'))
    assert len(told(logs)) == 2
    assert [errors.is_refused("publish to", f"subject.{number}") for number in range(4)] == [True, True, False, False]
