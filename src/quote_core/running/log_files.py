"""The log files of a data folder, read while they are written: one a process, merged by the time each line tells.

The supervisor turns a file over when it is full and at its own start: `NAME.log` becomes `NAME.log.1`, that before
`NAME.log.2` and so on, and a new one begins. A line without a time, as older versions wrote, belongs to the one before
it.
"""

import heapq
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

__all__ = [
    "LOG_FOLDER",
    "LineSplitter",
    "LogFollower",
    "LogLine",
    "fields_of",
    "last_lines",
    "log_names",
    "merged",
    "older_file",
    "older_files",
]

LOG_FOLDER: Final = "logs"
"""In the data folder."""
_SUFFIX: Final = ".log"
_BLOCK_BYTES: Final = 64 * 1024
_LINE_BYTES_MAX: Final = 64 * 1024
_STRUCTURED: Final = re.compile(r'"timestamp": ?"([^"]{19,40})"')


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a process's log."""

    unix_ms: int
    """When it was written; 0 when neither it nor a line before it says."""
    process: str
    text: str


def older_file(path: Path, number: int) -> Path:
    """What a log was turned over to, so many times ago."""
    return path.with_name(f"{path.name}.{number}")


def older_files(path: Path) -> Iterator[Path]:
    """What is kept of a log beside the file being written, the newest first."""
    for number in itertools.count(1):
        older = older_file(path, number)
        if not older.exists():
            return
        yield older


def log_names(folder: Path) -> list[str]:
    """The processes that have a log."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}"))


def merged(logs: Iterable[Sequence[LogLine]]) -> list[LogLine]:
    """All lines by time; those of one process stay in their order."""
    return list(heapq.merge(*logs, key=lambda line: line.unix_ms))


def last_lines(folder: Path, process: str, count: int) -> list[LogLine]:
    """The newest `count` lines of a process, those of older files included."""
    follower = LogFollower(folder, process)
    try:
        return follower.begin(count)
    finally:
        follower.close()


class LogFollower:
    """Reads one process's log on and on, whatever becomes of its file."""

    def __init__(self, folder: Path, process: str) -> None:
        self._process = process
        self._path = folder / f"{process}{_SUFFIX}"
        self._file: BinaryIO | None = None
        self._splitter = LineSplitter()
        self._unix_ms = 0

    def begin(self, count: int) -> list[LogLine]:
        """The newest `count` lines there are; `more` goes on behind them, or, without this, from the file's start."""
        self._file = _opened(self._path)
        lines: list[bytes] = []
        if self._file is not None:
            lines = self._splitter.feed(_end_of(self._file, count))
            lines = lines[max(0, len(lines) - count) :]
        for path in older_files(self._path):
            if len(lines) >= count:
                break
            if (before := _opened(path)) is not None:
                with before:
                    older = LineSplitter()
                    rest = older.feed(_end_of(before, count)) + older.end()
                lines = rest[-(count - len(lines)) :] + lines
        return self._dated(lines)

    def more(self) -> list[LogLine]:
        """What was written since."""
        lines: list[bytes] = []
        if self._file is not None:
            lines += self._splitter.feed(self._file.read())
            if _is_at(self._path, self._file):
                return self._dated(lines)
            lines += self._splitter.feed(self._file.read()) + self._splitter.end()  # written between the two looks
            between: list[Path] = []  # more than one was begun since we looked
            for path in older_files(self._path):
                if _is_at(path, self._file):
                    break
                between.append(path)
            for path in reversed(between):
                lines += _whole(path)
            self._file.close()
        self._file = _opened(self._path)
        if self._file is not None:
            lines += self._splitter.feed(self._file.read())
        return self._dated(lines)

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()

    def _dated(self, lines: Iterable[bytes]) -> list[LogLine]:
        """Lines with their times, which never go back."""
        dated = []
        for line in lines:
            text = line.decode("utf-8", errors="replace")
            self._unix_ms = max(self._unix_ms, _unix_ms(text))
            dated.append(LogLine(self._unix_ms, self._process, text))
        return dated


def _unix_ms(text: str) -> int:
    """The time a line tells; 0 when it tells none."""
    try:
        if (told := _STRUCTURED.search(text)) is not None:
            return int(datetime.fromisoformat(told[1]).timestamp() * 1_000)
    except (ValueError, OverflowError):
        return 0
    return 0


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _end_of(file: BinaryIO, line_count: int) -> bytes:
    """The end of a file, with at least so many whole lines if there are; leaves the file at its end."""
    position = file.seek(0, os.SEEK_END)
    end = position
    content = b""
    while position > 0 and content.count(b"\n") <= line_count:
        position = max(0, position - _BLOCK_BYTES)
        file.seek(position)
        content = file.read(end - position)
    file.seek(end)
    return content


def _whole(path: Path) -> list[bytes]:
    file = _opened(path)
    if file is None:
        return []
    with file:
        splitter = LineSplitter()
        return splitter.feed(file.read()) + splitter.end()


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Whether an open file is the one of this name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def fields_of(text: str) -> dict[str, object] | None:
    """What a structured line says; `None` for any other."""
    if not text.startswith("{"):
        return None
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) and "event" in told else None


class LineSplitter:
    """Cuts a stream of bytes into lines; a line beyond 64 KiB is cut there, so that memory stays bounded."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        while len(self._rest) > _LINE_BYTES_MAX:
            lines.append(self._rest[:_LINE_BYTES_MAX])
            self._rest = self._rest[_LINE_BYTES_MAX:]
        return lines

    def end(self) -> list[bytes]:
        """What is left when the stream has ended."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []
