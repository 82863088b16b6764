"""An event as JSON: the one form in which commands print it, through `quote_core.json_dialect`.

Field names are the events' own, units and all. Integers stay exact whatever their size, ids are
hexadecimal, enums are their names. A moment that is not known, and a trace of an event that is not traced, are null.
"""

import dataclasses
import enum
import functools
from typing import Any

from quote_core.clock import NO_MOMENT
from quote_core.events.types import NO_TRACE, Event
from quote_core.freshness import NEVER_VOUCHED

__all__ = ["event_json"]


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
