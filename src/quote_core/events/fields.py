"""The kinds of fields an event may have, and how each lies in a FlatBuffer.

An event is a frozen dataclass whose annotations are these aliases; the order of its fields is the order of the table
in `proto/events/*.fbs`. To a type checker `U64` is `int` and `Address` is a public key; the codec reads the
`Annotated` part. `tests/contract/test_events.py` holds each class against the code flatc made from the schema.
"""

import dataclasses
import enum
import functools
import math
import struct
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, cast, get_args, get_origin, get_type_hints

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.units import Pubkey

__all__ = [
    "F64",
    "I32",
    "I64",
    "U8",
    "U16",
    "U32",
    "U64",
    "Address",
    "EventId",
    "Field",
    "Inline",
    "SpanId",
    "String",
    "TraceId",
    "Vector",
    "fields_of",
    "inline_of",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Inline:
    """A value of fixed size: a scalar, a byte array, an enum, or a struct of such.

    `codes` is what `struct` packs it with (padding included, byte order apart). `flatten` gives the primitives those
    codes take; `build` takes them off an iterator again and raises `ValueError` for what cannot be a value.
    """

    codes: str
    size_bytes: int
    align_bytes: int
    flatten: Callable[[Any], tuple[Any, ...]]
    build: Callable[[Iterator[Any]], Any]
    is_scalar: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class String:
    """UTF-8 text behind an offset."""


@dataclasses.dataclass(frozen=True, slots=True)
class Vector:
    """A tuple of structs behind an offset."""

    item: Inline


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of a table: `slot` is its place in the vtable."""

    name: str
    slot: int
    kind: Inline | String | Vector


def _only(value: Any) -> tuple[Any, ...]:
    return (value,)


def _scalar(code: str) -> Inline:
    size = struct.calcsize("<" + code)
    return Inline(code, size, size, _only, next)


def _finite(values: Iterator[float]) -> float:
    value = next(values)
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return value


def _bytes(size: int) -> Inline:
    return Inline(f"{size}s", size, 1, _only, next, is_scalar=False)


@functools.lru_cache(maxsize=4096)  # few mints and pools recur in all events
def _address_bytes(address: str) -> bytes:
    return bytes(SoldersPubkey.from_string(address))


@functools.lru_cache(maxsize=4096)
def _address_text(raw: bytes) -> Pubkey:
    return Pubkey(str(SoldersPubkey(raw)))


def _flat_address(address: str) -> tuple[bytes]:
    return (_address_bytes(address),)


def _built_address(values: Iterator[bytes]) -> Pubkey:
    return _address_text(next(values))


U8 = Annotated[int, _scalar("B")]
U16 = Annotated[int, _scalar("H")]
U32 = Annotated[int, _scalar("I")]
U64 = Annotated[int, _scalar("Q")]
I32 = Annotated[int, _scalar("i")]
I64 = Annotated[int, _scalar("q")]
F64 = Annotated[float, Inline("d", 8, 8, _only, _finite)]
Address = Annotated[Pubkey, Inline("32s", 32, 1, _flat_address, _built_address, is_scalar=False)]
EventId = Annotated[bytes, _bytes(16)]
TraceId = Annotated[bytes, _bytes(16)]
SpanId = Annotated[bytes, _bytes(8)]
_BOOL: Final = _scalar("?")


def fields_of(table: type) -> tuple[Field, ...]:
    """The fields of a table's dataclass in slot order, the header apart: that lies in the family's root table."""
    hints = get_type_hints(table, include_extras=True)
    names = [field.name for field in dataclasses.fields(table) if field.name != "header"]
    return tuple(Field(name, slot, _kind(hints[name])) for slot, name in enumerate(names))


def inline_of(structure: type) -> Inline:
    """The layout of a struct's dataclass: members at their natural alignment, the whole padded to the largest."""
    hints = get_type_hints(structure, include_extras=True)
    names = tuple(field.name for field in dataclasses.fields(structure))
    members = [_kind(hints[name]) for name in names]
    inlines = [member for member in members if isinstance(member, Inline)]
    if len(inlines) != len(members):
        raise TypeError(f"{structure.__name__} holds something of no fixed size")
    codes, size = "", 0
    for member in inlines:
        padding = -size % member.align_bytes
        codes += "x" * padding + member.codes
        size += padding + member.size_bytes
    align = max(member.align_bytes for member in inlines)
    tail = -size % align

    def flatten(value: Any) -> tuple[Any, ...]:
        flat: tuple[Any, ...] = ()
        for name, member in zip(names, inlines, strict=True):
            flat += member.flatten(getattr(value, name))
        return flat

    def build(values: Iterator[Any]) -> Any:
        return structure(**{name: member.build(values) for name, member in zip(names, inlines, strict=True)})

    return Inline(codes + "x" * tail, size + tail, align, flatten, build, is_scalar=False)


def _kind(hint: Any) -> Inline | String | Vector:
    if get_origin(hint) is Annotated:
        return cast("Inline", get_args(hint)[1])
    if hint is str:
        return String()
    if hint is bool:
        return _BOOL
    if get_origin(hint) is tuple:  # tuple[Hop, ...]
        return Vector(inline_of(get_args(hint)[0]))
    if issubclass(hint, enum.Enum):
        return Inline("B", 1, 1, lambda member: (member.value,), lambda values: hint(next(values)))
    return inline_of(hint)
