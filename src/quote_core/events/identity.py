"""Ids and headers. An id made from what caused the event makes a repeated publish recognisable as a repeat."""

import hashlib
import secrets
from typing import Final

from quote_core.clock import Clock
from quote_core.events.types import NO_TRACE, Header, Trace

__all__ = ["derived_id", "random_id", "stamp"]

_ID_BYTES: Final = 16


def random_id() -> bytes:
    """An id nobody else has."""
    return secrets.token_bytes(_ID_BYTES)


def derived_id(kind: str, *parts: bytes | int | str) -> bytes:
    """The same 16 bytes for the same parts, in every process and after every restart.

    JetStream drops a second message with the same id inside the stream's duplicate window.
    """
    digest = hashlib.blake2b(kind.encode(), digest_size=_ID_BYTES)
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(raw).to_bytes(4, "little") + raw)
    return digest.digest()


def stamp(clock: Clock, *, event_id: bytes | None = None, slot: int = 0, trace: Trace = NO_TRACE) -> Header:
    """A header created now; without an `event_id` it gets a random one."""
    return Header(
        event_id=event_id if event_id is not None else random_id(),
        created_unix_ns=clock.unix_ns(),
        slot=slot,
        trace=trace,
    )
