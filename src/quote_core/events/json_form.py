"""An event as JSON: the one form in which commands print it, through `quote_core.json_dialect`, and read it again.

Field names are the events' own, units and all. Integers stay exact whatever their size, ids are
hexadecimal, enums are their names. A moment that is not known, and a trace of an event that is not traced, are null.
What an older release printed is read, too: a field that it did not have is as in its messages, one that it had and we
have not is left.
"""

import dataclasses
import enum
import functools
from collections.abc import Mapping
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from quote_core.clock import NO_MOMENT, Moment
from quote_core.errors import LayoutMismatch
from quote_core.events.subjects import EVENT_KINDS
from quote_core.events.types import NO_TRACE, Event, Trace
from quote_core.freshness import NEVER_VOUCHED, Freshness
from quote_core.json_dialect import camel_case

__all__ = ["event_from_json", "event_json"]

_CLASSES: Final = {kind.event.__name__: kind.event for kind in EVENT_KINDS}
_OF_NULL: Final[Mapping[Any, Any]] = {Moment: NO_MOMENT, Trace: NO_TRACE, Freshness: NEVER_VOUCHED}


def event_json(event: Event) -> dict[str, Any]:
    """All fields of an event, and its class as `type`."""
    return {"type": type(event).__name__, **_value(event)}


def _value(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if value in (NO_MOMENT, NO_TRACE, NEVER_VOUCHED):
            return None
        return {name: _value(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    return value


@functools.cache
def _names(table: type) -> tuple[str, ...]:
    """Of a table's fields."""
    return tuple(field.name for field in dataclasses.fields(table))


def event_from_json(document: Any) -> Event:
    """The event that a JSON document tells, its names in camelCase.

    Raises:
        LayoutMismatch: It tells none, or a field is missing or of another kind; says which.
    """
    name = document.get("type") if isinstance(document, dict) else None
    if not isinstance(name, str) or name not in _CLASSES:
        raise LayoutMismatch("event", f"has no type that is known: {name!r}")
    event: Event = _read_table(_CLASSES[name], document, name)
    return event


def _read_table(table: type, document: Any, place: str) -> Any:
    values = {}
    document = _of_type(dict, document, place)
    for field in dataclasses.fields(table):
        name = camel_case(field.name)
        if name in document:
            values[field.name] = _read(_hints(table)[field.name], document[name], f"{place}.{name}")
        elif field.default is dataclasses.MISSING:
            raise LayoutMismatch(f"{place}.{name}", "is missing")
    return table(**values)


def _read(hint: Any, value: Any, place: str) -> Any:
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if value is None and kind in _OF_NULL:
        return _OF_NULL[kind]
    if get_origin(kind) is tuple:
        items = _of_type(list, value, place)
        return tuple(_read(get_args(kind)[0], item, f"{place}[{index}]") for index, item in enumerate(items))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _read_table(kind, value, place)
    if kind is bytes:
        return _bytes(value, place)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        if _of_type(str, value, place) not in kind.__members__:
            raise LayoutMismatch(place, f"must be one of {', '.join(kind.__members__)}")
        return kind[value]
    if kind is float and type(value) is int:
        value = float(value)
    return _of_type(kind if kind in (int, float, bool) else str, value, place)  # an address is text


def _of_type(wanted: type, value: Any, place: str) -> Any:
    if type(value) is not wanted:
        raise LayoutMismatch(place, f"must be of type {wanted.__name__}, is {type(value).__name__}")
    return value


def _bytes(value: Any, place: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise LayoutMismatch(place, "must be hexadecimal") from None


@functools.cache
def _hints(table: type) -> dict[str, Any]:
    """Of a table's fields, as `quote_core.events.fields` reads them."""
    return get_type_hints(table, include_extras=True)
