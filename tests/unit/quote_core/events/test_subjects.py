import dataclasses

import pytest
from fakes.event_strategies import events
from fakes.pipeline_events import opportunity
from hypothesis import given

from quote_core.errors import InvalidField
from quote_core.events import (
    EVENT_KINDS,
    Event,
    Stream,
    TwoHopArbitrage,
    dead_letter_subject,
    kind_of,
    subject_of,
    subjects_of,
)


def matches(subject: str, pattern: str) -> bool:
    """NATS' own rule: `*` is one token, `>` the rest."""
    tokens, wanted = subject.split("."), pattern.split(".")
    for position, part in enumerate(wanted):
        if part == ">":
            return len(tokens) > position
        if position >= len(tokens) or part not in ("*", tokens[position]):
            return False
    return len(tokens) == len(wanted)


def test_an_opportunity_is_published_under_its_pair() -> None:
    assert subject_of(opportunity()) == "opportunity.two_hop.SOL-USDC"
    assert subjects_of(TwoHopArbitrage) == "opportunity.two_hop.*"


@pytest.mark.parametrize("pair", ["", "SOL.USDC", "SOL USDC", "*", ">", "S" * 65])
def test_a_pair_that_would_break_the_subject_is_refused(pair: str) -> None:
    with pytest.raises(InvalidField, match="pair"):
        subject_of(dataclasses.replace(opportunity(), pair=pair))


@given(events())
def test_every_subject_is_kept_by_its_stream_and_matched_by_its_filter(event: Event) -> None:
    try:
        subject = subject_of(event)
    except InvalidField:
        return
    assert matches(subject, subjects_of(type(event)))
    assert matches(subject, kind_of(type(event)).stream.subjects)


def test_no_two_events_share_a_mark_or_a_subject() -> None:
    marks = {(kind.file_identifier, kind.member) for kind in EVENT_KINDS}
    subjects = {kind.subject for kind in EVENT_KINDS}
    assert len(marks) == len(subjects) == len(EVENT_KINDS)


def test_a_dead_letter_names_stream_and_consumer_and_is_kept() -> None:
    subject = dead_letter_subject(Stream.PLANNED, "executor")
    assert subject == "dead.PLANNED.executor"
    assert matches(subject, Stream.DEAD_LETTERS.subjects)
