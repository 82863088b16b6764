"""What all families have in common: a root table with the header, the body's number in the union, and the body."""

from typing import Final

from quote_core.events.fields import EventField, Inline, Nested, inline_of, scalar
from quote_core.events.types import Header

__all__ = ["EVENT_BYTES_MAX", "HEADER", "OFFSET", "ROOT_FIELDS", "inline_part"]

EVENT_BYTES_MAX: Final = 64 * 1024
"""Largest message written or looked at; the largest real event, a plan of three hops, has about 700 bytes."""

HEADER: Final = inline_of(Header)

OFFSET: Final = scalar("I")
"""What stands in a table for a text, a vector or another table: its distance from here."""

ROOT_FIELDS: Final = (
    EventField("header", 0, HEADER),
    EventField("member", 1, scalar("B")),
    EventField("body", 2, Nested()),
)


def inline_part(field: EventField) -> Inline:
    """What of a field lies in its table."""
    return field.kind if isinstance(field.kind, Inline) else OFFSET
