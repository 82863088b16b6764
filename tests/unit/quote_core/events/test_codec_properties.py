"""Whatever an event holds is written and read back, or refused; whatever bytes come are read, or refused in one way."""

import dataclasses
import struct
from typing import Any

from fakes.event_strategies import events
from hypothesis import given
from hypothesis import strategies as st

from quote_core.errors import LayoutMismatch
from quote_core.events import EVENT_KINDS, Event, decode, encode, view

IDENTIFIERS = sorted({kind.file_identifier for kind in EVENT_KINDS})


def decoded_or_refused(data: bytes) -> None:
    """Read whole and field by field; both ways give the same, or refuse."""
    try:
        event = decode(data)
    except LayoutMismatch:
        event = None
    try:
        seen = view(data)
    except LayoutMismatch:
        assert event is None
        return
    for field in dataclasses.fields(seen.event):
        try:
            value = seen[field.name]
        except LayoutMismatch:
            assert event is None
        else:
            assert event is None or value == getattr(event, field.name)


@given(events())
def test_decoding_what_was_encoded_gives_it_back(event: Event) -> None:
    assert decode(encode(event)) == event


@given(st.binary(max_size=256))
def test_random_bytes_are_refused_and_nothing_worse(data: bytes) -> None:
    decoded_or_refused(data)


@given(st.sampled_from(IDENTIFIERS), st.binary(min_size=4, max_size=4), st.binary(max_size=512))
def test_random_bytes_with_a_true_identifier_are_read_or_refused(identifier: bytes, root: bytes, rest: bytes) -> None:
    decoded_or_refused(root + identifier + rest)


@given(events(), st.data())
def test_an_event_with_any_bytes_overwritten_is_read_or_refused(event: Event, data: st.DataObject) -> None:
    raw = bytearray(encode(event))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    decoded_or_refused(bytes(raw))


@given(events(), st.data())
def test_an_event_with_any_number_overwritten_is_read_or_refused(event: Event, data: st.DataObject) -> None:
    raw = bytearray(encode(event))
    code, size, most = data.draw(st.sampled_from([("<H", 2, 2**16 - 1), ("<I", 4, 2**32 - 1)]))
    number = st.integers(0, len(raw) + 8) | st.integers(most - len(raw), most) | st.sampled_from([2**31, 2**15, most])
    struct.pack_into(code, raw, data.draw(st.integers(0, len(raw) - size)), min(most, max(0, data.draw(number))))
    decoded_or_refused(bytes(raw))


@given(events(), st.data())
def test_a_truncated_event_is_read_or_refused(event: Event, data: st.DataObject) -> None:
    raw = encode(event)
    decoded_or_refused(raw[: data.draw(st.integers(0, len(raw) - 1))])


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
