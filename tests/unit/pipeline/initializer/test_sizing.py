"""Streams on a disk too small: EXECUTED and SYSTEM are shortened last, nothing below its floor."""

from pathlib import Path

import pytest

from pipeline.initializer.sizing import FLOOR_BYTES, Room, fit, need_bytes, room_at, shortened
from pipeline.initializer.streams import STREAMS
from quote_core.events import Stream

GB = 10**9
NEED_BYTES = need_bytes(STREAMS, "file")
LAST = {Stream.EXECUTED, Stream.SYSTEM}


def file_bytes(room: Room) -> int:
    return sum(plan.bytes_max for plan in fit(STREAMS, room) if plan.storage == "file")


def short_file_streams(disk_bytes: int) -> set[Stream]:
    return {plan.stream for plan in shortened(fit(STREAMS, Room(disk_bytes=disk_bytes))) if plan.storage == "file"}


@pytest.mark.parametrize("room", [Room(), Room(disk_bytes=100 * GB, memory_bytes=64 * GB)])
def test_with_room_or_where_it_is_not_known_every_stream_gets_what_it_needs(room: Room) -> None:
    assert shortened(fit(STREAMS, room)) == ()


def test_with_a_little_less_the_others_are_shortened_and_not_the_record_of_trades() -> None:
    short = short_file_streams(60 * GB)
    assert short
    assert not short & LAST


def test_with_much_less_the_record_of_trades_is_shortened_too() -> None:
    assert short_file_streams(20 * GB) > LAST


@pytest.mark.parametrize("disk_gb", [2, 5, 20, 55, 58])
def test_what_is_given_fits_the_share_of_the_disk(disk_gb: int) -> None:
    room = Room(disk_bytes=disk_gb * GB, journal_bytes=GB // 2)
    budget = room.streams_bytes("file")
    assert budget is not None
    assert file_bytes(room) <= budget


def test_the_journals_share_is_left_to_it() -> None:
    assert (
        file_bytes(Room(disk_bytes=30 * GB, journal_bytes=4 * GB)) <= file_bytes(Room(disk_bytes=30 * GB)) - 4 * GB + 10
    )


def test_no_stream_gets_less_than_its_floor() -> None:
    for plan in fit(STREAMS, Room(disk_bytes=0, memory_bytes=0)):
        assert plan.bytes_max == min(plan.need_bytes, FLOOR_BYTES)


def test_a_shortened_stream_says_how_far_back_it_reaches() -> None:
    executed = next(plan for plan in fit(STREAMS, Room(disk_bytes=20 * GB)) if plan.stream is Stream.EXECUTED)
    assert executed.age_s_at_rate == pytest.approx(executed.bytes_max / (executed.rate_per_s * executed.event_bytes))


def test_the_disk_of_a_folder_that_is_not_there_yet_is_its_parents(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal/0.journal").write_bytes(bytes(100))
    (tmp_path / "history.db").write_bytes(bytes(200))
    (tmp_path / "history.db-wal").write_bytes(bytes(50))
    room = room_at(tmp_path, held_bytes=7, journal_bytes_max=1_000, history_bytes_max=2_000)
    assert (room.journal_bytes, room.history_bytes) == (900, 1_750)
    assert room_at(tmp_path / "a/b", held_bytes=0, journal_bytes_max=1_000, history_bytes_max=0).disk_bytes


def test_streams_leave_room_for_journal_and_history() -> None:
    room = Room(disk_bytes=100 * GB, journal_bytes=4 * GB, history_bytes=3 * GB)
    assert room.streams_bytes("file") == 73 * GB
