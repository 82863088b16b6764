"""Events to FlatBuffers and back, trusting nothing that is read: the bytes may come from anybody."""

from collections.abc import Iterable
from typing import Any

from quote_core.events.subjects import EventKind
from quote_core.events.types import Event

class EventView:
    """An event of which only what is asked for is read: `view["amount_in"]`, `view["header"]`.

    Both tables were found to lie inside the message; each field is checked when it is read, every time anew.
    `view[name]` raises `KeyError` for a name the event's class has no field of, and `LayoutMismatch` for bytes that
    cannot be the field's.
    """

    @property
    def event(self) -> type[Event]:
        """The event's class."""

    def __getitem__(self, name: str) -> Any: ...
    def whole(self) -> Event:
        """All of it, as `Codec.decode` gives it; raises `LayoutMismatch` as that does."""

class Codec:
    """Writes and reads the events of a table of kinds."""

    def __init__(self, kinds: Iterable[EventKind]) -> None: ...
    def encode(self, event: Event) -> bytes:
        """One event as a FlatBuffer of its family; the same event always gives the same bytes.

        Raises:
            LayoutMismatch: A value does not fit its field, which is named, or the event is too large for a message.
                Whoever publishes in a loop drops the event and counts it: it would fail again.
        """

    def decode(self, data: bytes) -> Event:
        """Read one event, all of it. What the writer did not know reads as zero or empty.

        Raises:
            LayoutMismatch: Not a family or member this build knows, or a buffer that is not well formed.
        """

    def view(self, data: bytes) -> EventView:
        """Look at one event, to read only some fields of it.

        Raises:
            LayoutMismatch: Not a family or member this build knows, or a buffer whose tables are not well formed.
        """

def encode(event: Event) -> bytes:
    """`Codec.encode` of all events of the bus."""

def decode(data: bytes) -> Event:
    """`Codec.decode` of all events of the bus."""

def view(data: bytes) -> EventView:
    """`Codec.view` of all events of the bus."""
