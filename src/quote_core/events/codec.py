"""Events to FlatBuffers and back, driven by the dataclasses.

Encoding uses the official builder. Decoding checks everything it follows first, as FlatBuffers' verifier does in C++
(the Python runtime has none): every offset, table, vtable, vector and string must lie inside the message. A message
from a newer writer may have more fields, from an older one fewer: what is missing reads as zero or empty.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

import flatbuffers

from quote_core.errors import LayoutMismatch
from quote_core.events.fields import Field, Inline, String, Vector, fields_of, inline_of
from quote_core.events.subjects import EVENT_KINDS, kind_of
from quote_core.events.types import Event, Header

__all__ = ["EVENT_BYTES_MAX", "decode", "encode"]

EVENT_BYTES_MAX: Final = 64 * 1024
"""Largest message looked at; the largest real event, a plan of three hops, has about 700 bytes."""

_HEADER: Final = inline_of(Header)
_MEMBERS: Final = {(kind.file_identifier, kind.member): kind.event for kind in EVENT_KINDS}
_FIELDS: Final = {kind.event: fields_of(kind.event) for kind in EVENT_KINDS}
_FAMILIES: Final = {kind.file_identifier for kind in EVENT_KINDS}
_HEADER_SLOT, _MEMBER_SLOT, _BODY_SLOT = range(3)  # slots of every family's root table
_MEMBER: Final = Inline("B", 1, 1, lambda value: (value,), next)


def encode(event: Event) -> bytes:
    """One event as a FlatBuffer of its family."""
    kind = kind_of(type(event))
    builder = flatbuffers.Builder(1024)
    body = _add_table(builder, event)
    builder.StartObject(3)
    builder.PrependUOffsetTRelativeSlot(_BODY_SLOT, body, 0)
    _add_inline(builder, _HEADER_SLOT, _HEADER, event.header)
    builder.PrependUint8Slot(_MEMBER_SLOT, kind.member, 0)
    builder.Finish(builder.EndObject(), kind.file_identifier)
    return bytes(builder.Output())


def decode(data: bytes) -> Event:
    """Read one event.

    Raises:
        LayoutMismatch: Not a family or member this build knows, or a buffer that is not well formed.
    """
    if not 8 <= len(data) <= EVENT_BYTES_MAX:
        raise LayoutMismatch("event", f"has {len(data)} bytes, must have 8 to {EVENT_BYTES_MAX}")
    identifier = bytes(data[4:8])
    if identifier not in _FAMILIES:
        raise LayoutMismatch("event", f"file identifier {identifier!r} is not a known family")
    reader = _Reader(data)
    root = reader.table(reader.follow(0))
    member = reader.inline(root, _MEMBER_SLOT, _MEMBER)
    event = _MEMBERS.get((identifier, member))
    if event is None:
        raise LayoutMismatch("event", f"member {member} of family {identifier.decode()} is not known to this build")
    body = reader.table(reader.follow(reader.required(root, _BODY_SLOT)))
    reader.required(root, _HEADER_SLOT)
    header = reader.inline(root, _HEADER_SLOT, _HEADER)
    return event(header=header, **{field.name: reader.field(body, field) for field in _FIELDS[event]})


def _add_table(builder: flatbuffers.Builder, event: Event) -> int:
    fields = _FIELDS[type(event)]
    values = {field.slot: getattr(event, field.name) for field in fields}
    offsets = {}
    for field in fields:  # strings and vectors stand before the table that points at them
        if isinstance(field.kind, String):
            offsets[field.slot] = builder.CreateString(values[field.slot])
        elif isinstance(field.kind, Vector):
            offsets[field.slot] = _add_vector(builder, field.kind.item, values[field.slot])
    builder.StartObject(len(fields))
    for field in sorted(fields, key=_alignment, reverse=True):  # largest first, so that nothing needs padding
        if isinstance(field.kind, Inline):
            _add_inline(builder, field.slot, field.kind, values[field.slot])
        else:
            builder.PrependUOffsetTRelativeSlot(field.slot, offsets[field.slot], 0)
    offset: int = builder.EndObject()
    return offset


def _alignment(field: Field) -> int:
    return field.kind.align_bytes if isinstance(field.kind, Inline) else 4


def _add_inline(builder: flatbuffers.Builder, slot: int, kind: Inline, value: Any) -> None:
    packed = struct.pack("<" + kind.codes, *kind.flatten(value))
    if kind.is_scalar and not any(packed):
        return  # zero is what an absent scalar reads as
    _place(builder, kind, packed)
    builder.Slot(slot)


def _add_vector(builder: flatbuffers.Builder, item: Inline, values: Sequence[Any]) -> int:
    builder.StartVector(item.size_bytes, len(values), item.align_bytes)
    for value in reversed(values):
        _place(builder, item, struct.pack("<" + item.codes, *item.flatten(value)))
    offset: int = builder.EndVector()
    return offset


def _place(builder: flatbuffers.Builder, kind: Inline, packed: bytes) -> None:
    builder.Prep(kind.align_bytes, kind.size_bytes)
    builder.head -= kind.size_bytes
    builder.Bytes[builder.head : builder.head + kind.size_bytes] = packed


class _Table:
    """A table whose vtable and inline part have been checked to lie inside the message."""

    __slots__ = ("offsets", "position", "size_bytes")

    def __init__(self, position: int, size_bytes: int, offsets: tuple[int, ...]) -> None:
        self.position = position
        self.size_bytes = size_bytes
        self.offsets = offsets


class _Reader:
    """Reads one message and refuses to leave it."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def table(self, position: int) -> _Table:
        """Check the table at `position` and its vtable."""
        vtable = position - self._unpack("<i", position)[0]
        vtable_bytes, size_bytes = self._unpack("<HH", vtable)
        if vtable_bytes < 4 or vtable_bytes % 2:
            raise LayoutMismatch("event", f"vtable of {vtable_bytes} bytes")
        self._check(position, size_bytes)
        offsets = self._unpack(f"<{vtable_bytes // 2 - 2}H", vtable + 4)
        return _Table(position, size_bytes, offsets)

    def field(self, table: _Table, field: Field) -> Any:
        """A field's value, or what an absent one reads as."""
        if isinstance(field.kind, Inline):
            return self.inline(table, field.slot, field.kind)
        at = self._present(table, field.slot, 4)
        if isinstance(field.kind, String):
            return "" if at is None else self._string(self.follow(at))
        return () if at is None else self._vector(self.follow(at), field.kind.item)

    def inline(self, table: _Table, slot: int, kind: Inline) -> Any:
        """A scalar or struct."""
        at = self._present(table, slot, kind.size_bytes)
        codes = "<" + kind.codes
        flat = struct.unpack(codes, bytes(kind.size_bytes)) if at is None else self._unpack(codes, at)
        return _build(kind, flat)

    def required(self, table: _Table, slot: int) -> int:
        """Where a field lies that must be there."""
        at = self._present(table, slot, 4)
        if at is None:
            raise LayoutMismatch("event", f"field {slot} of the root table is missing")
        return at

    def follow(self, at: int) -> int:
        """Where the offset stored at `at` leads."""
        return at + int(self._unpack("<I", at)[0])

    def _present(self, table: _Table, slot: int, size_bytes: int) -> int | None:
        offset = table.offsets[slot] if slot < len(table.offsets) else 0
        if offset == 0:
            return None
        if offset < 4 or offset + size_bytes > table.size_bytes:
            raise LayoutMismatch("event", f"field {slot} lies outside its table")
        return table.position + offset

    def _string(self, position: int) -> str:
        length = self._unpack("<I", position)[0]
        self._check(position + 4, length)
        try:
            return str(self._data[position + 4 : position + 4 + length], "utf-8")
        except UnicodeDecodeError as error:
            raise LayoutMismatch("event", f"text is not UTF-8: {error.reason}") from None

    def _vector(self, position: int, item: Inline) -> tuple[Any, ...]:
        count = self._unpack("<I", position)[0]
        self._check(position + 4, count * item.size_bytes)
        flats = struct.iter_unpack("<" + item.codes, self._data[position + 4 : position + 4 + count * item.size_bytes])
        return tuple(_build(item, flat) for flat in flats)

    def _unpack(self, codes: str, position: int) -> tuple[Any, ...]:
        self._check(position, struct.calcsize(codes))
        return struct.unpack_from(codes, self._data, position)

    def _check(self, position: int, size_bytes: int) -> None:
        if position < 0 or position + size_bytes > len(self._data):
            raise LayoutMismatch("event", f"{size_bytes} bytes at {position} lie outside the message")


def _build(kind: Inline, flat: tuple[Any, ...]) -> Any:
    try:
        return kind.build(iter(flat))
    except ValueError as error:
        raise LayoutMismatch("event", str(error)) from None
