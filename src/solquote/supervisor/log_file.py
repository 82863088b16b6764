"""A child's output: kept in files of bounded size and number, with the last lines at hand for when it crashes."""

import collections
import contextlib
from pathlib import Path
from typing import BinaryIO, Final, Self

from quote_core.files import owner_alone
from quote_core.running.log_files import older_file, older_files

__all__ = ["LAST_LINES_MAX", "LogFile"]

LAST_LINES_MAX: Final = 8


class LogFile:
    """Appends lines to `<name>.log`; what went before, of this run or the last, is `<name>.log.1`, `.2` and so on.

    Args:
        path: The file.
        size_max_bytes: It is turned over before it is larger.
        count_max: So many files are kept, this one among them.
    """

    def __init__(self, path: Path, *, size_max_bytes: int, count_max: int) -> None:
        self.path = path
        self._size_max_bytes = size_max_bytes
        self._count_max = count_max
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
        kept = [self.path, *older_files(self.path)]
        for path in kept[self._count_max - 1 :]:
            path.unlink(missing_ok=True)
        for number, path in reversed(list(enumerate(kept[: self._count_max - 1], start=1))):
            with contextlib.suppress(FileNotFoundError):  # the first run has none
                path.replace(older_file(self.path, number))
        return open(self.path, "wb", opener=owner_alone)
