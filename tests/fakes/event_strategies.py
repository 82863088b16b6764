"""Hypothesis strategies for events, made from the very annotations the codec is driven by."""

import dataclasses
import enum
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.clock import Moment
from quote_core.events import EVENT_KINDS, Event
from quote_core.events.fields import (
    F64,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Address,
    EventId,
    FreshnessField,
    MomentField,
    SpanId,
)
from quote_core.freshness import Freshness

_U64S = st.integers(0, 2**64 - 1)
_MOMENTS = st.builds(Moment, _U64S, _U64S, _U64S)
_BY_HINT: dict[Any, st.SearchStrategy[Any]] = {
    U8: st.integers(0, 2**8 - 1),
    U16: st.integers(0, 2**16 - 1),
    U32: st.integers(0, 2**32 - 1),
    U64: st.integers(0, 2**64 - 1),
    I32: st.integers(-(2**31), 2**31 - 1),
    I64: st.integers(-(2**63), 2**63 - 1),
    F64: st.floats(allow_nan=False, allow_infinity=False),
    Address: st.binary(min_size=32, max_size=32).map(lambda raw: str(SoldersPubkey(raw))),
    EventId: st.binary(min_size=16, max_size=16),
    SpanId: st.binary(min_size=8, max_size=8),
    MomentField: _MOMENTS,
    FreshnessField: st.builds(Freshness, _MOMENTS, _U64S, _U64S, _U64S, st.integers(-(2**63), 2**63 - 1)),
    str: st.text(max_size=40),
    bool: st.booleans(),
}


def _value(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _BY_HINT:
        return _BY_HINT[hint]
    if get_origin(hint) is tuple:
        return st.lists(_value(get_args(hint)[0]), max_size=4).map(tuple)
    if issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    return instances(hint)


def instances(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Any instance of an event class or of a struct within one."""
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{field.name: _value(hints[field.name]) for field in dataclasses.fields(cls)})


def events() -> st.SearchStrategy[Event]:
    """Any event of any class."""
    return st.one_of([instances(kind.event) for kind in EVENT_KINDS])
