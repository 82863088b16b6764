"""Messages that streams keep, counted by type: for `solquote events stats` with a filter.

A message's type is what its subject says, and its size that of the event's bytes. What is in them is not looked at: one
that is no event is counted like its neighbours. A server's own figures are of a whole stream, and count subject and
headers too, so the two do not add up to each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from quote_core.events.subjects import EVENT_KINDS, Stream, covers, subjects_of
from solquote.event_filter import EventFilter
from solquote.event_lines import StoredEvent

__all__ = ["EventCount", "EventCounts"]

_PATTERNS: Final = {
    stream: tuple((kind.event.__name__, subjects_of(kind.event)) for kind in EVENT_KINDS if kind.stream is stream)
    for stream in Stream
}


@dataclass(frozen=True, slots=True)
class EventCount:
    """What a stream keeps of one type.

    Attributes:
        stream: Which.
        type: Of the events; `None` = the subject is of no type that this release knows, such as a dead letter's.
        message_count: How many were read.
        size_bytes: Of the events in them.
        first_unix_ns: When the oldest of these was stored; `None` when there are none.
        last_unix_ns: When the newest was.
    """

    stream: str
    type: str | None
    message_count: int = 0
    size_bytes: int = 0
    first_unix_ns: int | None = None
    last_unix_ns: int | None = None

    def with_message(self, size_bytes: int, stored_unix_ns: int) -> "EventCount":
        """With one more."""
        first, last = self.first_unix_ns, self.last_unix_ns
        return replace(
            self,
            message_count=self.message_count + 1,
            size_bytes=self.size_bytes + size_bytes,
            first_unix_ns=stored_unix_ns if first is None else min(first, stored_unix_ns),
            last_unix_ns=stored_unix_ns if last is None else max(last, stored_unix_ns),
        )

    def as_json(self) -> dict[str, Any]:
        """For a line of JSON; `counted` says what the figures are of."""
        return {
            "stream": self.stream,
            "type": self.type,
            "counted": "messages read",
            "message_count": self.message_count,
            "size_bytes": self.size_bytes,
            "first_unix_ns": self.first_unix_ns,
            "last_unix_ns": self.last_unix_ns,
        }


class EventCounts:
    """One count for each type of each stream; a type that was asked for by name is told even when there is none."""

    def __init__(self, wanted: EventFilter) -> None:
        self._counts: dict[tuple[str, str | None], EventCount] = {
            (stream.value, name): EventCount(stream.value, name)
            for stream in wanted.streams
            for name, _ in _PATTERNS[stream]
            if name in wanted.types
        }

    def take(self, event: StoredEvent) -> None:
        """Count a message."""
        key = event.stream, _type_of(event.stream, event.subject)
        count = self._counts.get(key) or EventCount(*key)
        self._counts[key] = count.with_message(len(event.data), event.stored_unix_ns)

    def told(self) -> Sequence[EventCount]:
        """Every count, by stream and type in the order in which both are listed everywhere."""
        keys = ((stream.value, name) for stream in Stream for name in (*dict(_PATTERNS[stream]), None))
        return [self._counts[key] for key in keys if key in self._counts]


def _type_of(stream: str, subject: str) -> str | None:
    return next((name for name, pattern in _PATTERNS[Stream(stream)] if covers(pattern, subject)), None)
