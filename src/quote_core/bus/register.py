"""A subject, or a stream, as a register: read its newest message, and write behind it only if it is still the newest.

JetStream checks the expected sequence and stores in one step, so of two writers who have read the same message one
wins and the other is told. Expecting sequence 0 writes a subject's first message, exactly once for ever.

A writer whose confirmation was lost writes again, and then finds its own message there: that counts as written, and
is told by comparing what is stored with what was to be written, byte by byte. The message id cannot tell, for two
writers may give the same cause the same id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from quote_core.bus.acknowledged import Acknowledgement
from quote_core.bus.client_errors import NATS, upstream_errors
from quote_core.bus.connection import WRONG_LAST, Bus
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import Event, Stream, decode, encode, kind_of, subject_of

__all__ = [
    "Stored",
    "append_if_last_is",
    "event_of",
    "newest_message",
    "put_if_newest_is",
    "read_newest",
    "read_newest_on",
    "read_next",
    "write_if_newest_is",
]

_STREAM_NOT_FOUND: Final = 10059


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as its stream keeps it; `event` is `None` when its bytes are no event."""

    sequence: int
    event: Event | None
    unix_ns: int = 0
    """When it was stored, by the server's clock."""


async def read_newest(bus: Bus, event: type[Event]) -> Stored | None:
    """Read the newest message on the subject of `event`, which must have no variable part; `None` = there is none.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    kind = kind_of(event)
    return await read_newest_on(bus, kind.stream, kind.subject)


async def read_newest_on(bus: Bus, stream: Stream, subject: str) -> Stored | None:
    """Read the newest message that `stream` keeps on `subject`; `None` = there is none.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    message = await newest_message(bus, stream, subject)
    return None if message is None else _stored(message)


async def newest_message(bus: Bus, stream: str, subject: str) -> RawStreamMsg | None:
    """Read the newest message that `stream` keeps on `subject` as it is stored; `None` = there is none.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    return await _message(bus, stream, subject=subject)


async def put_if_newest_is(bus: Bus, subject: str, data: bytes, *, sequence: int) -> int | None:
    """Store bytes that are no event on `subject` if its newest message has this sequence; 0 = if there is none.

    Returns:
        Their own sequence; `None` when the newest message is another, which may be these very bytes of an earlier try.

    Raises:
        ProviderUnavailable: Not confirmed; they may have been stored all the same.
    """
    acknowledged = await _published(bus, subject, data, {"Nats-Expected-Last-Subject-Sequence": str(sequence)})
    return None if acknowledged is None else acknowledged.sequence


async def read_next(bus: Bus, stream: Stream, *, after: int) -> Stored | None:
    """Read the first message that `stream` keeps behind sequence `after`; `None` = there is none.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    message = await _message(bus, stream, seq=after + 1, subject=stream.subjects, next=True)
    return None if message is None else _stored(message)


def event_of(data: bytes) -> Event | None:
    """The event in a stored message; `None` when its bytes are none."""
    try:
        return decode(data)
    except LayoutMismatch:
        return None


async def write_if_newest_is(bus: Bus, event: Event, *, sequence: int) -> int | None:
    """Publish `event` if the newest message on its subject has this sequence; 0 = if there is none yet.

    Returns:
        Its own sequence, also when an earlier try had stored it already; `None` when the newest message is another.

    Raises:
        ProviderUnavailable: Not confirmed; it may have been stored all the same.
    """
    subject, data = subject_of(event), encode(event)
    headers = {
        "Nats-Msg-Id": event.header.event_id.hex(),
        "Nats-Expected-Last-Subject-Sequence": str(sequence),
    }
    acknowledged = await _published(bus, subject, data, headers)
    if acknowledged is not None and not acknowledged.is_duplicate:
        return acknowledged.sequence
    newest = await newest_message(bus, kind_of(type(event)).stream, subject)
    return newest.seq if newest is not None and newest.data == data else None


async def append_if_last_is(bus: Bus, event: Event, *, sequence: int, after: Event | None = None) -> int | None:
    """Publish `event` if the last message of its whole stream has this sequence; 0 = if the stream never had one.

    Args:
        bus: The connection.
        event: What to append; a new one for each try.
        sequence: What the last message must have.
        after: What it must be, besides: an event appended by this function whose confirmation is not awaited. Its
            sequence alone could be that of somebody else's message, which was stored in its stead.

    Returns:
        Its own sequence; `None` when the stream has gone on, or `after` is not in it.

    Raises:
        ProviderUnavailable: Not confirmed; it may have been stored all the same.
    """
    headers = {"Nats-Msg-Id": event.header.event_id.hex(), "Nats-Expected-Last-Sequence": str(sequence)}
    if after is not None:
        headers["Nats-Expected-Last-Msg-Id"] = after.header.event_id.hex()
    acknowledged = await _published(bus, subject_of(event), encode(event), headers)
    return acknowledged.sequence if acknowledged is not None else None


async def _published(bus: Bus, subject: str, data: bytes, headers: Mapping[str, str]) -> Acknowledgement | None:
    """What the stream says; `None` when its last message is another than was expected."""
    try:
        return await bus.publish_bytes(subject, data, headers)
    except ProviderUnavailable as error:
        if isinstance(error.__cause__, APIError) and error.__cause__.err_code in WRONG_LAST:
            return None
        raise


async def _message(bus: Bus, stream: str, **which: Any) -> RawStreamMsg | None:
    _require_connection(bus)
    with upstream_errors():
        try:
            return await bus.jetstream.get_msg(stream, **which)
        except NotFoundError as error:
            if error.err_code == _STREAM_NOT_FOUND:
                raise
            return None


def _stored(message: RawStreamMsg) -> Stored:
    unix_ns = (message.time - _EPOCH) // _MICROSECOND * 1_000 if message.time else 0
    return Stored(message.seq or 0, event_of(message.data or b""), unix_ns)


def _require_connection(bus: Bus) -> None:
    if not bus.is_connected:
        raise ProviderUnavailable(NATS, "not connected")


_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
