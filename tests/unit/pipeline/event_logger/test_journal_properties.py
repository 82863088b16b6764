"""Whatever is written, wherever a crash cuts and whichever byte is changed."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.event_logger.journal import Journal, JournalBounds
from pipeline.event_logger.reading import Entry, replay, verify
from pipeline.event_logger.record import JournalRecord, Kind, decode, encode
from pipeline.event_logger.segments import segments

BOUNDS = JournalBounds(segment_bytes_max=700, segment_count_max=1_000)
STREAMS = ("A", "B")

events = st.lists(st.tuples(st.sampled_from(STREAMS), st.binary(max_size=60)), min_size=1, max_size=25)


def append_all(journal: Journal, wanted: list[tuple[str, bytes]]) -> None:
    """As the logger does after a start: everything the streams have; what is written already is passed over."""
    sequences = dict.fromkeys(STREAMS, 0)
    for stream, payload in wanted:
        sequences[stream] += 1
        journal.append(
            stream=stream,
            created="then",
            sequence=sequences[stream],
            subject=f"{stream}.x",
            stored_unix_ns=1,
            payload=payload,
        )


def by_stream(entries: list[Entry]) -> dict[str, list[bytes]]:
    return {stream: [entry.payload for entry in entries if entry.stream == stream] for stream in STREAMS}


@given(events, st.data())
@settings(max_examples=60, deadline=None)
def test_a_cut_at_any_byte_loses_nothing_that_the_streams_still_have(
    wanted: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Journal(folder, bounds=BOUNDS) as journal:
            append_all(journal, wanted)
        complete = by_stream(list(replay(folder)))
        last = segments(folder)[-1]
        content = last.read_bytes()
        last.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        with Journal(folder, bounds=BOUNDS) as journal:
            append_all(journal, wanted)
        found = verify(folder)
        assert found.is_intact
        assert found.missed == ()
        assert by_stream(list(replay(folder))) == complete


@given(events, st.data())
@settings(max_examples=60, deadline=None)
def test_a_change_of_any_byte_shows(wanted: list[tuple[str, bytes]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Journal(folder, bounds=BOUNDS) as journal:
            append_all(journal, wanted)
            head = journal.head
        path = data.draw(st.sampled_from(segments(folder)))
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        found = verify(folder)
        assert not found.is_intact or found.is_unfinished
        assert found.head != head or not found.is_intact


@given(
    st.builds(
        JournalRecord,
        kind=st.sampled_from(Kind),
        index=st.integers(0, 2**64 - 1),
        stream=st.text(max_size=20),
        subject=st.text(max_size=40),
        sequence=st.integers(0, 2**64 - 1),
        stored_unix_ns=st.integers(0, 2**64 - 1),
        payload=st.binary(max_size=200),
        previous=st.binary(min_size=32, max_size=32),
    )
)
def test_decoding_gives_back_what_was_encoded(record: JournalRecord) -> None:
    data, digest = encode(record)
    again, size_bytes = decode(memoryview(data + b"more"))
    assert size_bytes == len(data)
    assert (again.digest, encode(again)[0]) == (digest, data)
    assert (again.stream, again.subject, again.payload) == (record.stream, record.subject, record.payload)
