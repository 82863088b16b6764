import os
from pathlib import Path

import pytest

from quote_core.running.log_files import LineSplitter, older_files
from solquote.supervisor.log_file import LAST_LINES_MAX, LogFile


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"one\ntwo\n"], [b"one", b"two"]),
        ([b"on", b"e\ntw", b"o"], [b"one", b"two"]),
        ([b""], []),
        ([b"\n"], [b""]),
        ([b"x" * 200_000 + b"\n"], [b"x" * 200_000]),
        ([b"x" * 200_000, b"y\n"], [b"x" * 65_536] * 3 + [b"x" * (200_000 - 3 * 65_536) + b"y"]),
    ],
)
def test_a_stream_is_cut_into_lines(chunks: list[bytes], lines: list[bytes]):
    splitter = LineSplitter()
    assert [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.end() == lines


def test_the_run_before_is_kept_under_another_name(tmp_path: Path):
    path = tmp_path / "child.log"
    for text in (b"first", b"second"):
        with LogFile(path, size_max_bytes=1000, count_max=2) as log:
            log.write(text)
    assert path.read_text() == "second\n"
    assert (tmp_path / "child.log.1").read_text() == "first\n"


def test_a_log_is_for_its_owner_alone(tmp_path: Path):
    before = os.umask(0)
    try:
        with LogFile(tmp_path / "child.log", size_max_bytes=1000, count_max=2):
            assert (tmp_path / "child.log").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_a_log_never_grows_beyond_its_size(tmp_path: Path):
    with LogFile(tmp_path / "child.log", size_max_bytes=100, count_max=2) as log:
        for number in range(50):
            log.write(b"%020d" % number)
        assert list(log.last_lines) == [f"{number:020}" for number in range(50 - LAST_LINES_MAX, 50)]
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"child.log", "child.log.1"}
    assert max(sizes.values()) <= 100


def test_so_many_files_are_kept_and_the_oldest_goes(tmp_path: Path):
    path = tmp_path / "child.log"
    for number in range(6):
        with LogFile(path, size_max_bytes=1000, count_max=4) as log:
            log.write(b"%d" % number)
    assert [path.read_text(), *(older.read_text() for older in older_files(path))] == ["5\n", "4\n", "3\n", "2\n"]
    with LogFile(path, size_max_bytes=1000, count_max=2):
        pass
    assert [older.read_text() for older in older_files(path)] == ["5\n"]
