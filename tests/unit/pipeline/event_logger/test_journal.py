"""The journal's writer: what a crash leaves behind is mended, and nothing is written twice or left out."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.event_logger.journal import Journal, JournalBounds
from pipeline.event_logger.reading import replay, verify
from pipeline.event_logger.segments import segments
from quote_core.errors import ProviderUnavailable

BOUNDS = JournalBounds(segment_bytes_max=1_000_000, segment_count_max=100)


def write(journal: Journal, sequence: int, *, stream: str = "EXECUTED", created: str = "then") -> bool:
    return journal.append(
        stream=stream,
        created=created,
        sequence=sequence,
        subject=f"{stream.lower()}.a",
        stored_unix_ns=sequence * 10,
        payload=f"payload {sequence}".encode(),
    )


def sequences(directory: Path) -> list[int]:
    return [entry.sequence for entry in replay(directory)]


def test_what_was_written_is_replayed_in_order_and_verifies(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        assert all(write(journal, sequence) for sequence in (1, 2, 3))
    assert [(e.subject, e.payload) for e in replay(tmp_path)] == [
        ("executed.a", b"payload 1"),
        ("executed.a", b"payload 2"),
        ("executed.a", b"payload 3"),
    ]
    found = verify(tmp_path)
    assert (found.is_intact, found.event_count, found.missed) == (True, 3, ())
    assert found.head == journal.head


def test_an_event_seen_again_after_a_restart_is_not_written_twice(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        write(journal, 1)
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        assert not write(journal, 1)
        assert write(journal, 2)
    assert sequences(tmp_path) == [1, 2]
    assert verify(tmp_path).is_intact


@pytest.mark.parametrize("cut_bytes", [1, 31, 32, 33, 64, 90, 100])
def test_a_record_half_written_at_the_crash_is_cut_off_counted_and_kept_aside(tmp_path: Path, cut_bytes: int) -> None:
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        write(journal, 1)
        write(journal, 2)
    (path,) = segments(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut_bytes])
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        assert journal.recovery.torn_bytes > 0
        assert journal.positions["EXECUTED"].sequence == 1
        assert write(journal, 2)
    assert sequences(tmp_path) == [1, 2]
    assert verify(tmp_path).is_intact
    assert path.with_suffix(".torn").stat().st_size == journal.recovery.torn_bytes


def test_zeros_that_a_power_failure_leaves_at_the_end_are_cut_off(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        write(journal, 1)
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(500))
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        assert journal.recovery.torn_bytes == 500
        write(journal, 2)
    assert verify(tmp_path).is_intact


def test_a_changed_record_is_left_in_place_for_verify_and_writing_goes_on_in_a_new_file(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        for sequence in (1, 2, 3):
            write(journal, sequence)
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"payload 2", b"payload X"))
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        assert journal.recovery.damage is not None
        write(journal, 2)
    found = verify(tmp_path)
    assert [finding.path for finding in found.findings] == [path]
    assert len(segments(tmp_path)) == 2


def test_a_file_without_one_readable_record_gives_way_to_the_one_before(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=JournalBounds(segment_bytes_max=1, segment_count_max=100)) as journal:
        write(journal, 1)
        write(journal, 2)
    last = segments(tmp_path)[-1]
    last.write_bytes(last.read_bytes()[:10])
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        position = journal.positions["EXECUTED"].sequence
        assert write(journal, position + 1)
    assert verify(tmp_path).is_intact


def test_a_full_file_is_followed_by_a_new_one_and_positions_carry_over(tmp_path: Path) -> None:
    bounds = JournalBounds(segment_bytes_max=400, segment_count_max=100)
    with Journal(tmp_path, bounds=bounds) as journal:
        for sequence in range(1, 20):
            write(journal, sequence)
    assert len(segments(tmp_path)) > 3
    assert verify(tmp_path).is_intact
    with Journal(tmp_path, bounds=bounds) as journal:
        assert journal.positions["EXECUTED"].sequence == 19


def test_past_the_bound_the_oldest_file_goes_and_the_rest_still_verifies(tmp_path: Path) -> None:
    bounds = JournalBounds(segment_bytes_max=400, segment_count_max=3)
    with Journal(tmp_path, bounds=bounds) as journal:
        for sequence in range(1, 40):
            write(journal, sequence)
    assert journal.removed_segment_count > 0
    assert len(segments(tmp_path)) == 3
    found = verify(tmp_path)
    assert found.is_intact
    assert found.first_index > 0
    assert sequences(tmp_path)[-1] == 39


def test_events_the_stream_no_longer_had_are_written_down_as_missed(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        write(journal, 1)
        write(journal, 5)
    found = verify(tmp_path)
    assert found.is_intact
    assert found.missed == ("EXECUTED 2 to 4",)


def test_a_stream_made_anew_starts_at_one_again(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=BOUNDS) as journal:
        write(journal, 1)
        write(journal, 2)
        assert write(journal, 1, created="later")
    assert sequences(tmp_path) == [1, 2, 1]
    assert verify(tmp_path).is_intact


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with (
        Journal(tmp_path, bounds=BOUNDS),
        pytest.raises(ProviderUnavailable, match="another process"),
        Journal(tmp_path, bounds=BOUNDS),
    ):
        pass


def _remove_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def _remove_segment(folder: Path) -> None:
    segments(folder)[-1].unlink()


def _remove_lock(folder: Path) -> None:
    (folder / "lock").unlink()


def _put_a_copy_in_its_place(folder: Path) -> None:
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    shutil.rmtree(folder)
    copy.rename(folder)


@pytest.mark.parametrize("take_away", [_remove_folder, _remove_segment, _remove_lock, _put_a_copy_in_its_place])
def test_files_taken_away_are_noticed_and_a_journal_opened_again_stands_there(
    tmp_path: Path, take_away: Callable[[Path], None]
) -> None:
    folder = tmp_path / "journal"
    with Journal(folder, bounds=BOUNDS) as journal:
        write(journal, 1)
        journal.flush()
        journal.check_in_place()
        take_away(folder)
        with pytest.raises(FileNotFoundError, match="removed or replaced"):
            journal.check_in_place()
    with Journal(folder, bounds=BOUNDS) as journal:
        write(journal, 1)
        write(journal, 2)
        journal.check_in_place()
    assert sequences(folder) == [1, 2]
    assert verify(folder).is_intact


def test_a_journal_is_in_its_place_before_its_first_record_and_in_every_segment(tmp_path: Path) -> None:
    with Journal(tmp_path, bounds=JournalBounds(segment_bytes_max=200, segment_count_max=2)) as journal:
        journal.check_in_place()
        for sequence in range(1, 10):
            write(journal, sequence)
            journal.check_in_place()
    assert journal.removed_segment_count > 0
