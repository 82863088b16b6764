"""The kinds of fields an event may have, and how each lies in a FlatBuffer.

An event is a frozen dataclass whose annotations are these aliases; the order of its fields is the order of the table
in `proto/events/*.fbs`. To a type checker `U64` is `int` and `Address` is a public key; the codec reads the
`Annotated` part. `tests/contract/test_events.py` holds each class against the code flatc made from the schema.
"""

import dataclasses
import enum
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from quote_core.clock import Moment
from quote_core.freshness import Freshness
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
    "EventField",
    "EventId",
    "Fixed",
    "FreshnessField",
    "Member",
    "MomentField",
    "Nested",
    "SpanId",
    "String",
    "TraceId",
    "Vector",
    "fields_of",
    "scalar",
    "struct_of",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    """A value of fixed size: a scalar, a byte array, an address, an enum, or a struct of such.

    Attributes:
        code: A scalar's `struct` code, or one of `bytes`, `address`, `enum`, `struct`.
        size_bytes: Tail padding of a struct included.
        align_bytes: What its place must be a multiple of.
        python: The class of an enum or a struct.
        members: Of a struct, in the order in which they lie.
    """

    code: str
    size_bytes: int
    align_bytes: int
    python: type | None = None
    members: tuple["Member", ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One member of a struct, and its distance from the struct's begin."""

    name: str
    kind: Fixed
    offset: int


@dataclasses.dataclass(frozen=True, slots=True)
class String:
    """UTF-8 text behind an offset."""


@dataclasses.dataclass(frozen=True, slots=True)
class Vector:
    """A tuple of values of fixed size behind an offset."""

    item: Fixed


@dataclasses.dataclass(frozen=True, slots=True)
class Nested:
    """Another table behind an offset."""


@dataclasses.dataclass(frozen=True, slots=True)
class EventField:
    """One field of a table: `slot` is its place in the vtable."""

    name: str
    slot: int
    kind: Fixed | String | Vector | Nested


_SCALAR_BYTES: Final = {"?": 1, "B": 1, "H": 2, "I": 4, "i": 4, "Q": 8, "q": 8, "d": 8}


def scalar(code: str) -> Fixed:
    """A number, by its `struct` code; aligned to its size."""
    return Fixed(code, _SCALAR_BYTES[code], _SCALAR_BYTES[code])


def _bytes(size: int) -> Fixed:
    return Fixed("bytes", size, 1)


def _struct(python: type, kinds: dict[str, Fixed]) -> Fixed:
    """Lay a struct out: members at their natural alignment, the whole padded to the largest."""
    members, size = [], 0
    for name, kind in kinds.items():
        size += -size % kind.align_bytes
        members.append(Member(name, kind, size))
        size += kind.size_bytes
    align = max(kind.align_bytes for kind in kinds.values())
    return Fixed("struct", size + -size % align, align, python, tuple(members))


U8 = Annotated[int, scalar("B")]
U16 = Annotated[int, scalar("H")]
U32 = Annotated[int, scalar("I")]
U64 = Annotated[int, scalar("Q")]
I32 = Annotated[int, scalar("i")]
I64 = Annotated[int, scalar("q")]
F64 = Annotated[float, scalar("d")]
Address = Annotated[Pubkey, Fixed("address", 32, 1)]
EventId = Annotated[bytes, _bytes(16)]
TraceId = Annotated[bytes, _bytes(16)]
SpanId = Annotated[bytes, _bytes(8)]

_MOMENT: Final = _struct(Moment, dict.fromkeys(("boot_id", "mono_ns", "unix_ns"), scalar("Q")))
_FRESHNESS: Final = _struct(
    Freshness,
    {
        "vouched": _MOMENT,
        **dict.fromkeys(("vouched_slot", "changed_unix_ns", "changed_slot"), scalar("Q")),
        "chain_unix_s": scalar("q"),
    },
)
MomentField = Annotated[Moment, _MOMENT]
FreshnessField = Annotated[Freshness, _FRESHNESS]


def fields_of(table: type) -> tuple[EventField, ...]:
    """The fields of a table's dataclass in slot order, the header apart: that lies in the family's root table."""
    hints = get_type_hints(table, include_extras=True)
    names = [field.name for field in dataclasses.fields(table) if field.name != "header"]
    return tuple(EventField(name, slot, _kind(hints[name])) for slot, name in enumerate(names))


def struct_of(python: type) -> Fixed:
    """The layout of a struct's dataclass."""
    hints = get_type_hints(python, include_extras=True)
    return _struct(python, {field.name: _fixed(hints[field.name]) for field in dataclasses.fields(python)})


def _kind(hint: Any) -> Fixed | String | Vector:
    if hint is str:
        return String()
    if get_origin(hint) is tuple:  # tuple[Hop, ...]
        return Vector(_fixed(get_args(hint)[0]))
    return _fixed(hint)


def _fixed(hint: Any) -> Fixed:
    if get_origin(hint) is Annotated:
        kind: Fixed = get_args(hint)[1]
        return kind
    if hint is bool:
        return scalar("?")
    if issubclass(hint, enum.Enum):
        return Fixed("enum", 1, 1, hint)
    return struct_of(hint)
