"""Whatever values an event holds, it is written and read back, or refused in one way."""

import dataclasses
from typing import Any

from fakes.event_strategies import events
from hypothesis import given
from hypothesis import strategies as st

from quote_core.errors import LayoutMismatch
from quote_core.events import Event, decode, encode

ANYTHING: st.SearchStrategy[Any] = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=20)
    | st.none()
    | st.lists(st.none() | st.integers(), max_size=2).map(tuple)
)


@given(events(), st.data())
def test_any_value_in_any_field_is_written_or_refused(event: Event, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([field.name for field in dataclasses.fields(event)]))
    spoilt = dataclasses.replace(event, **{name: data.draw(ANYTHING)})
    try:
        written = encode(spoilt)
    except LayoutMismatch:
        return
    decode(written)
