"""Where everything lies in the messages we write: a template a class, of which only the values differ.

Everything of fixed size (root table with the header, event's table, both vtables) has the same place in every message
of a class; texts and vectors follow it. Readers need none of this: they go by the vtables.

| offset | what                                                                          |
|--------|-------------------------------------------------------------------------------|
| 0      | u32 offset of the root table, then the family's file identifier               |
| 8      | the root's vtable, then the root table: header, offset of body, member number |
| ...    | the body's vtable, then the body: event's fields, largest alignment first     |
| ...    | texts (u32 length, UTF-8, a zero byte) and vectors (u32 count, items)         |
"""

import struct
from dataclasses import dataclass
from typing import Final

from quote_core.events.fields import EventField, Fixed, Nested, fields_of, scalar, struct_of
from quote_core.events.subjects import EventKind
from quote_core.events.types import Header

__all__ = ["EVENT_BYTES_MAX", "ROOT", "MessageLayout", "TableLayout", "layout_of", "part_in_table", "table_layout"]

EVENT_BYTES_MAX: Final = 64 * 1024
"""Largest message written or looked at; the largest real event, a plan of three hops, has about 970 bytes."""

_OFFSET: Final = scalar("I")
"""What stands in a table for a text, a vector or another table: its distance from here."""


@dataclass(frozen=True, slots=True)
class TableLayout:
    """A table of ours: its fields in slot order, where each lies in it, and the vtable that says so."""

    fields: tuple[EventField, ...]
    offsets: tuple[int, ...]
    size_bytes: int
    vtable: bytes


@dataclass(frozen=True, slots=True)
class MessageLayout:
    """One class's message: the bytes that are the same in each, zero where a value belongs, and where tables stand."""

    kind: EventKind
    body: TableLayout
    template: bytes
    root_at: int
    body_at: int


def part_in_table(field: EventField) -> Fixed:
    """What of a field lies in its table."""
    return field.kind if isinstance(field.kind, Fixed) else _OFFSET


def table_layout(fields: tuple[EventField, ...]) -> TableLayout:
    """Lay a table out: the offset to its vtable, then the fields by falling alignment, so that little is padded."""
    offsets, size_bytes = dict.fromkeys(range(len(fields)), 0), 4
    for field in sorted(fields, key=lambda field: part_in_table(field).align_bytes, reverse=True):
        part = part_in_table(field)
        offsets[field.slot] = size_bytes + -size_bytes % part.align_bytes
        size_bytes = offsets[field.slot] + part.size_bytes
    in_slot_order = tuple(offsets.values())
    vtable = struct.pack(f"<{2 + len(fields)}H", 4 + 2 * len(fields), size_bytes, *in_slot_order)
    return TableLayout(fields, in_slot_order, size_bytes, vtable)


ROOT: Final = table_layout(
    (
        EventField("header", 0, struct_of(Header)),
        EventField("member", 1, scalar("B")),
        EventField("body", 2, Nested()),
    )
)
"""What all families have in common: a root table with the header, the body's number in the union, and the body."""


def layout_of(kind: EventKind) -> MessageLayout:
    """Lay one class's messages out."""
    body = table_layout(fields_of(kind.event))
    root_vtable_at = 8
    root_at = _aligned(root_vtable_at + len(ROOT.vtable), 8)
    body_vtable_at = _aligned(root_at + ROOT.size_bytes, 2)
    body_at = _aligned(body_vtable_at + len(body.vtable), 8)
    template = bytearray(_aligned(body_at + body.size_bytes, 2))
    struct.pack_into("<I4s", template, 0, root_at, kind.file_identifier)
    for vtable_at, table_at, table in ((root_vtable_at, root_at, ROOT), (body_vtable_at, body_at, body)):
        template[vtable_at : vtable_at + len(table.vtable)] = table.vtable
        struct.pack_into("<i", template, table_at, table_at - vtable_at)
    _, member, body_offset = ROOT.offsets
    template[root_at + member] = kind.member
    struct.pack_into("<I", template, root_at + body_offset, body_at - (root_at + body_offset))
    return MessageLayout(kind, body, bytes(template), root_at, body_at)


def _aligned(position: int, to: int) -> int:
    return position + -position % to
