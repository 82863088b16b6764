"""A subject as a register: read its newest message with its sequence, and replace it only if it is still the newest.

JetStream checks the expected sequence and stores in one step, so of two writers who have read the same message one
wins and the other is told. Expecting sequence 0 writes a subject's first message, exactly once for ever.
"""

from dataclasses import dataclass
from typing import Final

from nats.js.errors import APIError, NotFoundError

from quote_core.bus.connection import NATS, Bus, upstream_errors
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import Event, decode, encode, kind_of, subject_of

__all__ = ["Stored", "read_newest", "write_if_newest_is"]

_WRONG_LAST_SEQUENCE: Final = 10071
_STREAM_NOT_FOUND: Final = 10059


@dataclass(frozen=True, slots=True)
class Stored:
    """The newest message of a subject; `event` is `None` when its bytes are no event."""

    sequence: int
    event: Event | None


async def read_newest(bus: Bus, event: type[Event]) -> Stored | None:
    """Read the newest message on the subject of `event`, which must have no variable part; `None` = there is none.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    kind = kind_of(event)
    if not bus.is_connected:
        raise ProviderUnavailable(NATS, "not connected")
    with upstream_errors():
        try:
            message = await bus.jetstream.get_last_msg(kind.stream, kind.subject)
        except NotFoundError as error:
            if error.err_code == _STREAM_NOT_FOUND:
                raise
            return None
    try:
        found = decode(message.data or b"")
    except LayoutMismatch:
        return Stored(message.seq or 0, None)
    return Stored(message.seq or 0, found)


async def write_if_newest_is(bus: Bus, event: Event, *, sequence: int) -> int | None:
    """Publish `event` if the newest message on its subject has this sequence; 0 = if there is none yet.

    Returns:
        Its own sequence, or `None` when the newest message is another. A repeat of the same event inside the stream's
        duplicate window counts as written.

    Raises:
        ProviderUnavailable: Not confirmed; it may have been stored all the same.
    """
    headers = {
        "Nats-Msg-Id": event.header.event_id.hex(),
        "Nats-Expected-Last-Subject-Sequence": str(sequence),
    }
    if not bus.is_connected:
        raise ProviderUnavailable(NATS, "not connected")
    with upstream_errors():
        try:
            stored = await bus.jetstream.publish(subject_of(event), encode(event), headers=headers)
        except APIError as error:
            if error.err_code == _WRONG_LAST_SEQUENCE:
                return None
            raise
    return stored.seq
