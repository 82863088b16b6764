"""Events to FlatBuffers, in one pass and without a builder.

Everything of fixed size (root table with the header, event table, both vtables) has the same place in every message of
a class, so it is one precompiled `struct`; texts and vectors follow it, and the offsets to them are among its values.
All fields are written, zeros too. The official readers read it (`tests/contract/test_events.py`). What readers would
refuse is not written: a value out of its field's range is `LayoutMismatch`, whatever the value.

| offset | what                                                                          |
|--------|-------------------------------------------------------------------------------|
| 0      | u32 offset of the root table, then the family's file identifier               |
| 8      | the root's vtable, then the root table: header, member number, offset of body |
| ...    | the body's vtable, then the body: event's fields, largest alignment first     |
| ...    | texts (u32 length, UTF-8, a zero byte) and vectors (u32 count, structs)       |
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from quote_core.errors import LayoutMismatch
from quote_core.events.family import EVENT_BYTES_MAX, HEADER, ROOT_FIELDS, inline_part
from quote_core.events.fields import EventField, Inline, Leaf, String, Vector, fields_of, primitives
from quote_core.events.subjects import EVENT_KINDS, EventKind
from quote_core.events.types import Event

__all__ = ["encode"]

_UNWRITABLE: Final = (struct.error, ValueError, TypeError, OverflowError, AttributeError)
"""What `struct` and the conversions of leaves raise for a value that is not of its field."""

_U32: Final = struct.Struct("<I")
_HEADER_LEAVES: Final = HEADER.leaves_below("header")
_HEADER_COUNT: Final = len(_HEADER_LEAVES)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table's fixed layout: `order` are its fields as they lie, each with its distance from the table."""

    vtable: bytes
    order: tuple[tuple[EventField, int], ...]
    codes: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Indirect:
    """A text or vector: its place among the values, and where its offset stands in the message."""

    position: int
    at: int
    item: Callable[[Any], bytes] | None
    align_bytes: int


@dataclass(frozen=True, slots=True)
class _Message:
    """All of fixed size in one class's messages: header and body values stand behind `prefix` and `infix`."""

    packer: struct.Struct
    prefix: tuple[Any, ...]
    infix: tuple[Any, ...]
    flatten: Callable[[Event], list[Any]]
    indirect: tuple[_Indirect, ...]


def encode(event: Event) -> bytes:
    """One event as a FlatBuffer of its family.

    Raises:
        LayoutMismatch: A value does not fit its field, which is named, or the event is too large for a message. Whoever
            publishes in a loop drops the event and counts it: it would fail again.
    """
    try:
        data = _encoded(event, _MESSAGES[type(event)])
    except _UNWRITABLE as error:
        raise LayoutMismatch(type(event).__name__, _fault(event, error)) from error
    if len(data) > EVENT_BYTES_MAX:
        raise LayoutMismatch(type(event).__name__, f"has {len(data)} bytes, at most {EVENT_BYTES_MAX} are a message")
    return data


def _encoded(event: Event, message: _Message) -> bytes:
    values = message.flatten(event)
    tail = bytearray()
    for field in message.indirect:
        start = message.packer.size + len(tail)
        padding = -(start + _U32.size) % field.align_bytes
        tail += bytes(padding)
        tail += _text(values[field.position]) if field.item is None else _vector(values[field.position], field.item)
        values[field.position] = start + padding - field.at
    fixed = message.packer.pack(*message.prefix, *values[:_HEADER_COUNT], *message.infix, *values[_HEADER_COUNT:])
    return fixed + tail


def _fault(event: Event, error: Exception) -> str:
    """Which field cannot be written, and why; looked for only when one cannot."""
    for field in (EventField("header", 0, HEADER), *fields_of(type(event))):
        try:
            _write_alone(event, field)
        except _UNWRITABLE as of_field:
            return f"{field.name}: {of_field}"[:_REASON_CHARS_MAX]
    return str(error)[:_REASON_CHARS_MAX]


_REASON_CHARS_MAX: Final = 200


def _write_alone(event: Event, field: EventField) -> None:
    if isinstance(field.kind, Inline):
        struct.pack("<" + field.kind.codes, *primitives(_leaves(field))(event))
    elif isinstance(field.kind, String):
        _text(getattr(event, field.name))
    elif isinstance(field.kind, Vector):
        item = _indirect(field.kind, 0, 0).item
        assert item is not None
        _vector(getattr(event, field.name), item)


def _text(value: str) -> bytes:
    raw = value.encode()
    return _U32.pack(len(raw)) + raw + b"\0"


def _vector(values: tuple[Any, ...], item: Callable[[Any], bytes]) -> bytes:
    return _U32.pack(len(values)) + b"".join(map(item, values))


def _message(kind: EventKind) -> _Message:
    """Lay one class's messages out."""
    root, body = _table(ROOT_FIELDS), _table(fields_of(kind.event))
    root_vtable_at = 8
    root_at = _aligned(root_vtable_at + len(root.vtable))
    body_vtable_at = root_at + root.size_bytes
    body_at = _aligned(body_vtable_at + len(body.vtable))
    body_offset_at = root_at + next(offset for field, offset in root.order if field.name == "body")
    packer = struct.Struct(
        f"<I4s{len(root.vtable)}s{root_at - root_vtable_at - len(root.vtable)}x{root.codes}"
        f"{len(body.vtable)}s{body_at - body_vtable_at - len(body.vtable)}x{body.codes}"
    )
    leaves = [*_HEADER_LEAVES, *(leaf for field, _ in body.order for leaf in _leaves(field))]
    return _Message(
        packer=packer,
        prefix=(root_at, kind.file_identifier, root.vtable, root_at - root_vtable_at),
        infix=(body_at - body_offset_at, kind.member, body.vtable, body_at - body_vtable_at),
        flatten=primitives(leaves),
        indirect=tuple(
            _indirect(field.kind, [leaf.path for leaf in leaves].index(field.name), body_at + offset)
            for field, offset in body.order
            if isinstance(field.kind, String | Vector)
        ),
    )


def _table(fields: tuple[EventField, ...]) -> _Table:
    """Lay a table out: the offset to its vtable, then the fields by falling alignment, so that little is padded.

    A root's fields so come as header, body, member.
    """
    offsets, order, codes, size_bytes = {}, [], "i", 4
    for field in sorted(fields, key=lambda field: inline_part(field).align_bytes, reverse=True):
        inline = inline_part(field)
        padding = -size_bytes % inline.align_bytes
        offsets[field.slot] = size_bytes + padding
        order.append((field, size_bytes + padding))
        codes += "x" * padding + inline.codes
        size_bytes += padding + inline.size_bytes
    tail = -size_bytes % 2  # a vtable, of two-byte numbers, follows
    vtable = struct.pack(
        f"<{2 + len(fields)}H", 4 + 2 * len(fields), size_bytes, *(offsets[field.slot] for field in fields)
    )
    return _Table(vtable, tuple(order), codes + "x" * tail, size_bytes + tail)


def _leaves(field: EventField) -> tuple[Leaf, ...]:
    return field.kind.leaves_below(field.name) if isinstance(field.kind, Inline) else (Leaf(field.name),)


def _indirect(kind: String | Vector, position: int, at: int) -> _Indirect:
    if isinstance(kind, String):
        return _Indirect(position, at, None, 4)
    pack, flatten = struct.Struct("<" + kind.item.codes).pack, primitives(kind.item.leaves)
    return _Indirect(position, at, lambda value: pack(*flatten(value)), max(4, kind.item.align_bytes))


def _aligned(position: int) -> int:
    """The next place where a table may stand, so that its eight-byte fields lie at multiples of eight."""
    return position + -position % 8


_MESSAGES: Final = {kind.event: _message(kind) for kind in EVENT_KINDS}
