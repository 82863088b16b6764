"""A child's output: kept in a file of bounded size, with the last lines at hand for when it crashes."""

import collections
from pathlib import Path
from typing import BinaryIO, Final, Self

from quote_core.files import owner_alone

__all__ = ["LAST_LINES_MAX", "LogFile"]

LAST_LINES_MAX: Final = 8


class LogFile:
    """Appends lines; the run before is kept as `<name>.log.1`, as is what went before when a file is full."""

    def __init__(self, path: Path, *, size_max_bytes: int) -> None:
        self.path = path
        self._size_max_bytes = size_max_bytes
        self._file = self._turn_over()
        self.last_lines: collections.deque[str] = collections.deque(maxlen=LAST_LINES_MAX)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, line: bytes) -> str:
        """Keep one line, and give it as text."""
        if self._file.tell() + len(line) >= self._size_max_bytes:
            self._file.close()
            self._file = self._turn_over()
        self._file.write(line + b"\n")
        self._file.flush()
        text = line.decode("utf-8", errors="replace")
        self.last_lines.append(text)
        return text

    def _turn_over(self) -> BinaryIO:
        if self.path.exists():
            self.path.replace(self.path.with_name(self.path.name + ".1"))
        return open(self.path, "wb", opener=owner_alone)
