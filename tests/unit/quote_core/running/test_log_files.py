"""Logs read back while the supervisor's own `LogFile` writes and turns them over."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from quote_core.running.log_files import LogFollower, LogLine, last_lines, log_names, merged
from solquote.supervisor.log_file import LogFile

ROOMY_BYTES = 1_000_000


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def structured(second: int, event: str = "x") -> str:
    return json.dumps({"event": event, "timestamp": f"2026-07-30T12:00:{second:02}.5Z"})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogFile]:
    with LogFile(tmp_path / "scanner.log", size_max_bytes=ROOMY_BYTES, count_max=2) as log:
        yield log


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[LogFollower]:
    follower = LogFollower(tmp_path, "scanner")
    yield follower
    follower.close()


@pytest.mark.parametrize("count", [1, 3, 5_000, 20_000])
def test_the_newest_lines_are_had_however_many(tmp_path: Path, log: LogFile, count: int):
    for number in range(10_000):
        log.write(b"line %d" % number)
    assert texts(last_lines(tmp_path, "scanner", count)) == [f"line {n}" for n in range(10_000)][-count:]


def test_what_is_short_of_the_count_comes_from_the_file_before(tmp_path: Path):
    for run in (1, 2):
        with LogFile(tmp_path / "scanner.log", size_max_bytes=ROOMY_BYTES, count_max=2) as log:
            for number in (1, 2, 3):
                log.write(b"run %d line %d" % (run, number))
    assert texts(last_lines(tmp_path, "scanner", 4)) == ["run 1 line 3", *(f"run 2 line {n}" for n in (1, 2, 3))]
    assert texts(last_lines(tmp_path, "scanner", 2)) == ["run 2 line 2", "run 2 line 3"]


def test_following_goes_on_behind_the_newest_lines(log: LogFile, follower: LogFollower):
    log.write(b"before")
    assert texts(follower.begin(10)) == ["before"]
    assert follower.more() == []
    log.write(b"after")
    assert texts(follower.more()) == ["after"]


def test_a_full_file_and_a_new_run_lose_no_line(tmp_path: Path, follower: LogFollower):
    seen: list[str] = []
    with LogFile(tmp_path / "scanner.log", size_max_bytes=100, count_max=2) as log:
        follower.begin(0)
        for number in range(40):  # turned over after each five or so
            log.write(b"first run, line %02d" % number)
            seen += texts(follower.more()) if number % 3 == 0 else []
        log.write(b"its last word")
    with LogFile(tmp_path / "scanner.log", size_max_bytes=100, count_max=2) as log:
        log.write(b"second run")
        seen += texts(follower.more())
    assert seen == [*(f"first run, line {n:02}" for n in range(40)), "its last word", "second run"]


def test_a_file_turned_over_twice_between_two_looks_loses_only_what_is_gone(tmp_path: Path, follower: LogFollower):
    for run in (1, 2, 3):
        with LogFile(tmp_path / "scanner.log", size_max_bytes=ROOMY_BYTES, count_max=2) as log:
            log.write(b"run %d" % run)
        if run == 1:
            assert texts(follower.begin(9)) == ["run 1"]
    assert texts(follower.more()) == ["run 2", "run 3"]


def test_a_log_that_is_not_there_yet_is_followed_from_its_start(tmp_path: Path, follower: LogFollower):
    assert follower.begin(10) == []
    assert follower.more() == []
    with LogFile(tmp_path / "scanner.log", size_max_bytes=ROOMY_BYTES, count_max=2) as log:
        log.write(b"hello")
        assert texts(follower.more()) == ["hello"]
    assert log_names(tmp_path) == ["scanner"]


def test_lines_of_several_processes_are_merged_by_the_time_they_tell(tmp_path: Path):
    with LogFile(tmp_path / "b.log", size_max_bytes=ROOMY_BYTES, count_max=2) as log:
        log.write(structured(2).encode())
        log.write(b"Traceback, of the line before")
        log.write(structured(9).encode())
    with LogFile(tmp_path / "a.log", size_max_bytes=ROOMY_BYTES, count_max=2) as log:
        log.write(structured(1).encode())
        log.write(structured(5).encode())
    lines = merged(last_lines(tmp_path, name, 10) for name in log_names(tmp_path))
    assert [line.process for line in lines] == ["a", "b", "b", "a", "b"]
    assert lines[0].unix_ms == 1_785_412_801_500


def test_a_clock_set_back_does_not_put_a_processes_lines_out_of_order(tmp_path: Path, log: LogFile):
    for second in (9, 1):
        log.write(structured(second, f"at {second}").encode())
    assert [line.unix_ms for line in last_lines(tmp_path, "scanner", 9)] == [1_785_412_809_500] * 2


def test_files_turned_over_many_times_between_two_looks_are_all_read_while_they_are_kept(
    tmp_path: Path, follower: LogFollower
):
    for run in range(1, 6):
        with LogFile(tmp_path / "scanner.log", size_max_bytes=ROOMY_BYTES, count_max=5) as log:
            log.write(b"run %d" % run)
        if run == 1:
            assert texts(follower.begin(9)) == ["run 1"]
    assert texts(follower.more()) == ["run 2", "run 3", "run 4", "run 5"]
    assert texts(last_lines(tmp_path, "scanner", 4)) == ["run 2", "run 3", "run 4", "run 5"]
