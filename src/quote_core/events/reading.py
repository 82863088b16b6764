"""FlatBuffers to events, trusting nothing: the bytes may come from anybody.

Every offset, table, vtable, vector and text must lie inside the message, as FlatBuffers' own verifier asks in C++ (the
Python runtime has none). What a vtable says is checked and compiled once; messages of one writer share it. A message
from a newer writer may have more fields, from an older one fewer: what is missing reads as zero or empty.
"""

import functools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from quote_core.errors import LayoutMismatch
from quote_core.events.family import EVENT_BYTES_MAX, ROOT_FIELDS, inline_part
from quote_core.events.fields import EventField, Inline, Nested, String, Vector, fields_of
from quote_core.events.subjects import EVENT_KINDS
from quote_core.events.types import Event

__all__ = ["decode"]

VTABLES_HELD_MAX: Final = 256
"""Different vtables kept compiled; a sane bus has one or two a class."""

_I32: Final = struct.Struct("<i")
_U16: Final = struct.Struct("<H")
_U32: Final = struct.Struct("<I")
_MEMBERS: Final = {(kind.file_identifier, kind.member): kind.event for kind in EVENT_KINDS}
_ROOT: Final = type(None)
"""Stands for the root table where the class of an event stands for the body's."""
_FIELDS: Final[dict[type, tuple[EventField, ...]]] = {
    _ROOT: ROOT_FIELDS,
    **{kind.event: fields_of(kind.event) for kind in EVENT_KINDS},
}
_FAMILIES: Final = {kind.file_identifier for kind in EVENT_KINDS}


@dataclass(frozen=True, slots=True)
class _TablePlan:
    """How to read a table of one vtable: all its inline values at once, in the order in which they lie."""

    unpacker: struct.Struct
    builds: tuple[tuple[str, Callable[[Iterator[Any]], Any]], ...]
    indirect: tuple[tuple[str, int, String | Vector | Nested], ...]
    absent: dict[str, Any]


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
    root = _values(data, _U32.unpack_from(data)[0], _ROOT)
    event = _MEMBERS.get((identifier, root["member"]))
    if event is None:
        name = identifier.decode()
        raise LayoutMismatch("event", f"member {root['member']} of family {name} is not known to this build")
    return event(header=root["header"], **_values(data, root["body"], event))


def _values(data: bytes, position: int, owner: type) -> dict[str, Any]:
    """The values of the table at `position`."""
    plan = _plan_at(data, position, owner)
    flat = iter(plan.unpacker.unpack_from(data, position))
    try:
        values = {name: build(flat) for name, build in plan.builds}
    except ValueError as error:
        raise LayoutMismatch("event", str(error)) from None
    for name, offset, kind in plan.indirect:
        values[name] = _indirect(data, position + offset + values[name], kind)
    values.update(plan.absent)
    return values


def _plan_at(data: bytes, position: int, owner: type) -> _TablePlan:
    """The plan of the table at `position`, which lies inside the message as a whole, as its vtable does."""
    _check(data, position, 4)
    vtable_at = position - _I32.unpack_from(data, position)[0]
    _check(data, vtable_at, 4)
    vtable_bytes = _U16.unpack_from(data, vtable_at)[0]
    _check(data, vtable_at, vtable_bytes)
    plan = _plan(owner, data[vtable_at : vtable_at + vtable_bytes])
    _check(data, position, plan.unpacker.size)
    return plan


@functools.lru_cache(maxsize=VTABLES_HELD_MAX)
def _plan(owner: type, vtable: bytes) -> _TablePlan:
    fields = _FIELDS[owner]
    if len(vtable) < 4 or len(vtable) % 2:
        raise LayoutMismatch("event", f"vtable of {len(vtable)} bytes")
    _, table_bytes, *offsets = struct.unpack(f"<{len(vtable) // 2}H", vtable)
    held = [(offsets[field.slot], field) for field in fields if field.slot < len(offsets) and offsets[field.slot]]
    placed = sorted(held, key=lambda entry: entry[0])
    codes, end = "", 0
    for offset, field in placed:
        inline = inline_part(field)
        if offset < max(end, 4) or offset + inline.size_bytes > table_bytes:
            raise LayoutMismatch("event", f"{field.name} lies outside its table or in another field")
        codes += f"{offset - end}x{inline.codes}"
        end = offset + inline.size_bytes
    present = {field.name for _, field in placed}
    return _TablePlan(
        unpacker=struct.Struct(f"<{codes}{max(0, table_bytes - end)}x"),
        builds=tuple((field.name, inline_part(field).build) for _, field in placed),
        indirect=tuple(
            (field.name, offset, field.kind) for offset, field in placed if not isinstance(field.kind, Inline)
        ),
        absent={field.name: _absent(field) for field in fields if field.name not in present},
    )


def _absent(field: EventField) -> Any:
    """What a field that is not there reads as."""
    if field.name == "header" or isinstance(field.kind, Nested):
        raise LayoutMismatch("event", f"the {field.name} is missing")
    if isinstance(field.kind, Inline):
        return field.kind.build(iter(struct.unpack("<" + field.kind.codes, bytes(field.kind.size_bytes))))
    return "" if isinstance(field.kind, String) else ()


def _indirect(data: bytes, position: int, kind: String | Vector | Nested) -> Any:
    """The text or vector at `position`; of a nested table its place, to be read next."""
    if isinstance(kind, Nested):
        return position
    _check(data, position, 4)
    count: int = _U32.unpack_from(data, position)[0]
    start = position + 4
    size_bytes = count if isinstance(kind, String) else count * kind.item.size_bytes
    _check(data, start, size_bytes)
    raw = data[start : start + size_bytes]
    try:
        if isinstance(kind, String):
            return str(raw, "utf-8")
        return tuple(kind.item.build(iter(flat)) for flat in struct.iter_unpack("<" + kind.item.codes, raw))
    except ValueError as error:
        raise LayoutMismatch("event", str(error)) from None


def _check(data: bytes, position: int, size_bytes: int) -> None:
    if position < 0 or position + size_bytes > len(data):
        raise LayoutMismatch("event", f"{size_bytes} bytes at {position} lie outside the message")
