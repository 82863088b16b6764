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
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Annotated, Any, Final, cast, get_args, get_origin, get_type_hints

from solders.pubkey import Pubkey as SoldersPubkey

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
    "FreshnessField",
    "Inline",
    "Leaf",
    "MomentField",
    "Nested",
    "SpanId",
    "String",
    "TraceId",
    "Vector",
    "fields_of",
    "inline_of",
    "primitives",
    "scalar",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Leaf:
    """One primitive of a value: where it is found, and how it becomes what `struct` takes."""

    path: str
    to_raw: Callable[[Any], Any] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Inline:
    """A value of fixed size: a scalar, a byte array, an enum, or a struct of such.

    `codes` is what `struct` packs its leaves with (padding included, byte order apart). `build` takes them off an
    iterator again and raises `ValueError` for what cannot be a value. A leaf with an empty path is the value itself.
    """

    codes: str
    size_bytes: int
    align_bytes: int
    leaves: tuple[Leaf, ...]
    build: Callable[[Iterator[Any]], Any]

    def leaves_below(self, name: str) -> tuple[Leaf, ...]:
        """The leaves as seen from the object that holds this value as `name`."""
        return tuple(Leaf(f"{name}.{leaf.path}".rstrip("."), leaf.to_raw) for leaf in self.leaves)


@dataclasses.dataclass(frozen=True, slots=True)
class String:
    """UTF-8 text behind an offset."""


@dataclasses.dataclass(frozen=True, slots=True)
class Vector:
    """A tuple of structs behind an offset."""

    item: Inline


@dataclasses.dataclass(frozen=True, slots=True)
class Nested:
    """Another table behind an offset."""


@dataclasses.dataclass(frozen=True, slots=True)
class EventField:
    """One field of a table: `slot` is its place in the vtable."""

    name: str
    slot: int
    kind: Inline | String | Vector | Nested


def primitives(leaves: Sequence[Leaf]) -> Callable[[Any], list[Any]]:
    """A function that gives an object's leaves, in order, as `struct` takes them."""
    read, is_several = attrgetter(*(leaf.path for leaf in leaves)), len(leaves) > 1
    conversions = [(position, leaf.to_raw) for position, leaf in enumerate(leaves) if leaf.to_raw is not None]

    def flatten(value: Any) -> list[Any]:
        values = list(read(value)) if is_several else [read(value)]  # of one leaf, `attrgetter` gives no tuple
        for position, to_raw in conversions:
            values[position] = to_raw(values[position])
        return values

    return flatten


_ITSELF: Final = (Leaf(""),)


def scalar(code: str) -> Inline:
    """A number, by its `struct` code; aligned to its size."""
    size = struct.calcsize("<" + code)
    return Inline(code, size, size, _ITSELF, next)


def _finite(values: Iterator[float]) -> float:
    return _checked_finite(next(values))


def _checked_finite(value: float) -> float:
    # Readers refuse what is not finite, so it must not be written either.
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return value


@functools.cache
def _bytes(size: int) -> Inline:
    def checked(value: bytes) -> bytes:
        if len(value) != size:  # `struct` would cut it off, or fill it up, without a word
            raise ValueError(f"has {len(value)} bytes, must have {size}")
        return value

    return Inline(f"{size}s", size, 1, (Leaf("", checked),), next)


@functools.lru_cache(maxsize=4096)  # few mints and pools recur in all events
def _address_bytes(address: str) -> bytes:
    return bytes(SoldersPubkey.from_string(address))


@functools.lru_cache(maxsize=4096)
def _address_text(raw: bytes) -> Pubkey:
    return Pubkey(str(SoldersPubkey(raw)))


def _built_address(values: Iterator[bytes]) -> Pubkey:
    return _address_text(next(values))


U8 = Annotated[int, scalar("B")]
U16 = Annotated[int, scalar("H")]
U32 = Annotated[int, scalar("I")]
U64 = Annotated[int, scalar("Q")]
I32 = Annotated[int, scalar("i")]
I64 = Annotated[int, scalar("q")]
F64 = Annotated[float, Inline("d", 8, 8, (Leaf("", _checked_finite),), _finite)]
Address = Annotated[Pubkey, Inline("32s", 32, 1, (Leaf("", _address_bytes),), _built_address)]
EventId = Annotated[bytes, _bytes(16)]
TraceId = Annotated[bytes, _bytes(16)]
SpanId = Annotated[bytes, _bytes(8)]
_BOOL: Final = scalar("?")

_MOMENT_LEAVES: Final = (Leaf("boot_id"), Leaf("mono_ns"), Leaf("unix_ns"))


def _built_moment(values: Iterator[int]) -> Moment:
    return Moment(next(values), next(values), next(values))


def _built_freshness(values: Iterator[int]) -> Freshness:
    return Freshness(_built_moment(values), next(values), next(values), next(values), next(values))


MomentField = Annotated[Moment, Inline("QQQ", 24, 8, _MOMENT_LEAVES, _built_moment)]
FreshnessField = Annotated[
    Freshness,
    Inline(
        "QQQQQQq",
        56,
        8,
        (
            *(Leaf(f"vouched.{leaf.path}") for leaf in _MOMENT_LEAVES),
            Leaf("vouched_slot"),
            Leaf("changed_unix_ns"),
            Leaf("changed_slot"),
            Leaf("chain_unix_s"),
        ),
        _built_freshness,
    ),
]


def fields_of(table: type) -> tuple[EventField, ...]:
    """The fields of a table's dataclass in slot order, the header apart: that lies in the family's root table."""
    hints = get_type_hints(table, include_extras=True)
    names = [field.name for field in dataclasses.fields(table) if field.name != "header"]
    return tuple(EventField(name, slot, _kind(hints[name])) for slot, name in enumerate(names))


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

    leaves = tuple(leaf for name, member in zip(names, inlines, strict=True) for leaf in member.leaves_below(name))

    builds = tuple((name, member.build) for name, member in zip(names, inlines, strict=True))

    def build(values: Iterator[Any]) -> Any:
        return structure(**{name: build_member(values) for name, build_member in builds})

    return Inline(codes + "x" * tail, size + tail, align, leaves, build)


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
        return Inline("B", 1, 1, (Leaf("value"),), lambda values: hint(next(values)))
    return inline_of(hint)
