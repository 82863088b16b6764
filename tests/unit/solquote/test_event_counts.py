from collections.abc import Iterable

from fakes.pipeline_events import opportunity

from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Event, SlotUpdate, encode, kind_of, stamp, subject_of
from quote_core.tokens import load_tokens
from solquote.event_counts import EventCounts
from solquote.event_filter import make_filter
from solquote.event_lines import StoredEvent

EVERYTHING = make_filter(None, None, None, registry=load_tokens())


def stored(event: Event, unix_ns: int) -> StoredEvent:
    kind = kind_of(type(event))
    return StoredEvent(kind.stream.value, unix_ns, subject_of(event), unix_ns, encode(event))


def counted(messages: Iterable[StoredEvent], types: list[str] | None = None) -> list[tuple[object, ...]]:
    counts = EventCounts(EVERYTHING if types is None else make_filter(None, types, None, registry=load_tokens()))
    for message in messages:
        counts.take(message)
    return [
        (one.stream, one.type, one.message_count, one.size_bytes, one.first_unix_ns, one.last_unix_ns)
        for one in counts.told()
    ]


def test_messages_are_counted_by_stream_and_type() -> None:
    slot = SlotUpdate(header=stamp(SYSTEM_CLOCK), parent_slot=1, unix_timestamp=2)
    first, second, third = stored(opportunity(), 30), stored(slot, 10), stored(opportunity(), 20)
    assert counted([first, second, third]) == [
        ("MARKET_DATA", "SlotUpdate", 1, len(second.data), 10, 10),
        ("OPPORTUNITIES", "TwoHopArbitrage", 2, len(first.data) + len(third.data), 20, 30),
    ]


def test_a_type_asked_for_by_name_is_told_when_there_is_none() -> None:
    assert counted([], ["KillSwitch", "Claim"]) == [
        ("CLAIMS", "Claim", 0, 0, None, None),
        ("SYSTEM", "KillSwitch", 0, 0, None, None),
    ]


def test_what_no_type_has_as_its_subject_is_counted_apart() -> None:
    dead = StoredEvent("DEAD_LETTERS", 1, "dead.PLANNED.executor", 5, b"letter")
    foreign = StoredEvent("METRICS", 1, "metrics.of.somebody", 5, b"else's")
    assert counted([dead, foreign]) == [("METRICS", None, 1, 6, 5, 5), ("DEAD_LETTERS", None, 1, 6, 5, 5)]


def test_a_line_says_what_its_figures_are_of() -> None:
    counts = EventCounts(EVERYTHING)
    counts.take(stored(opportunity(), 1))
    (line,) = (one.as_json() for one in counts.told())
    assert (line["counted"], line["message_count"]) == ("messages read", 1)
