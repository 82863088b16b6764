"""Reading a journal back: every kind of tampering shows, and replay gives what was asked for."""

from pathlib import Path

import pytest

from pipeline.event_logger.journal import Journal, JournalBounds
from pipeline.event_logger.reading import entries_with, replay, subject_matches, verify
from pipeline.event_logger.segments import records, segments


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    with Journal(tmp_path, bounds=JournalBounds(segment_bytes_max=10_000, segment_count_max=9)) as journal:
        for sequence in range(1, 6):
            for stream in ("PLANNED", "EXECUTED"):
                journal.append(
                    stream=stream,
                    created="then",
                    sequence=sequence,
                    subject=f"{stream.lower()}.pair.{sequence}",
                    stored_unix_ns=sequence * 100,
                    payload=bytes([sequence]) * 20,
                )
    return tmp_path


def spans(path: Path) -> list[tuple[int, int]]:
    offsets = [item[0] for item in records(path) if isinstance(item, tuple)]
    return list(zip(offsets, [*offsets[1:], path.stat().st_size], strict=True))


def test_a_record_taken_out_of_the_middle_shows(directory: Path) -> None:
    (path,) = segments(directory)
    data, (start, end) = path.read_bytes(), spans(path)[5]
    path.write_bytes(data[:start] + data[end:])
    assert "follows record" in str(verify(directory).findings[0])


def test_two_records_swapped_show(directory: Path) -> None:
    (path,) = segments(directory)
    data = path.read_bytes()
    (a, b), (c, d) = spans(path)[4], spans(path)[5]
    path.write_bytes(data[:a] + data[c:d] + data[a:b] + data[d:])
    assert not verify(directory).is_intact


@pytest.mark.parametrize("offset", [0, 4, 5, 8, 16, 24, 40, 70])
def test_any_changed_byte_of_a_record_shows(directory: Path, offset: int) -> None:
    (path,) = segments(directory)
    data = bytearray(path.read_bytes())
    data[spans(path)[6][0] + offset] ^= 1
    path.write_bytes(data)
    assert not verify(directory).is_intact


def test_a_whole_file_taken_away_shows(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=JournalBounds(segment_bytes_max=1, segment_count_max=99)) as journal:
        for sequence in range(1, 5):
            journal.append(stream="S", created="then", sequence=sequence, subject="s", stored_unix_ns=0, payload=b"")
    segments(tmp_path)[2].unlink()
    assert not verify(tmp_path).is_intact


def test_a_record_being_written_is_not_tampering(directory: Path) -> None:
    (path,) = segments(directory)
    path.write_bytes(path.read_bytes()[:-20])
    found = verify(directory)
    assert (found.is_intact, found.is_unfinished, found.event_count) == (True, True, 9)


def test_a_file_that_ends_inside_a_record_before_the_last_file_is_a_finding(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=JournalBounds(segment_bytes_max=1, segment_count_max=99)) as journal:
        for sequence in range(1, 5):
            journal.append(stream="S", created="then", sequence=sequence, subject="s", stored_unix_ns=0, payload=b"")
    first = segments(tmp_path)[0]
    first.write_bytes(first.read_bytes()[:-5])
    found = verify(tmp_path)
    assert not found.is_intact
    assert not found.is_unfinished


def test_replay_filters_by_subject_and_time(directory: Path) -> None:
    found = [e.subject for e in replay(directory, subject="executed.>", since_unix_ns=200, until_unix_ns=400)]
    assert found == ["executed.pair.2", "executed.pair.3"]


def test_what_has_some_bytes_is_found_in_the_newest_file_first(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=JournalBounds(segment_bytes_max=2_000, segment_count_max=9)) as journal:
        for sequence in range(1, 40):
            journal.append(
                stream="PLANNED",
                created="then",
                sequence=sequence,
                subject="plan.pair",
                stored_unix_ns=1,
                payload=b"wanted" if sequence in (3, 30) else b"another",
            )
    assert len(segments(tmp_path)) > 2
    assert [entry.sequence for entry in entries_with(tmp_path, b"wanted")] == [30, 3]
    assert list(entries_with(tmp_path, b"nowhere")) == []
    assert list(entries_with(tmp_path / "none", b"wanted")) == []


def test_an_empty_folder_is_an_intact_journal_without_records(tmp_path: Path) -> None:
    found = verify(tmp_path)
    assert (found.is_intact, found.record_count) == (True, 0)


@pytest.mark.parametrize(
    ("pattern", "subject", "matches"),
    [
        (">", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("a.b", "a.c", False),
    ],
)
def test_subjects_match_as_in_nats(pattern: str, subject: str, *, matches: bool) -> None:
    assert subject_matches(pattern, subject) is matches
