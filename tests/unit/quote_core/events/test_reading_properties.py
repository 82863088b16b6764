from fakes.event_strategies import events
from hypothesis import given
from hypothesis import strategies as st

from quote_core.errors import LayoutMismatch
from quote_core.events import EVENT_KINDS, Event, decode, encode

IDENTIFIERS = sorted({kind.file_identifier for kind in EVENT_KINDS})


def decoded_or_refused(data: bytes) -> None:
    try:
        decode(data)
    except LayoutMismatch:
        return


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
def test_a_truncated_event_is_read_or_refused(event: Event, data: st.DataObject) -> None:
    raw = encode(event)
    decoded_or_refused(raw[: data.draw(st.integers(0, len(raw) - 1))])
