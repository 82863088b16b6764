"""The standard streams as scripts leave them: closed, on a full disk, or a pipe whose reader has gone."""

import io
import os
import select
import sys
from collections.abc import Callable
from typing import Final, TextIO

from quote_core.errors import DISK_FAULTS

__all__ = ["LastingOutput", "drop_output", "open_closed_streams", "reader_is_gone"]

_STDIN: Final = 0
_STDOUT: Final = 1
_STDERR: Final = 2


def open_closed_streams() -> None:
    """Give every closed standard stream the null device: whoever closed it does not want what goes there.

    Left closed, its number would be the next socket's, and Python's own stream is None.
    """
    for number in (_STDIN, _STDOUT, _STDERR):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdin = sys.stdin or os.fdopen(_STDIN, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(_STDOUT, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(_STDERR, "w", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What the locale cannot write, such as a path in another encoding, is escaped, as on standard error.
        sys.stdout.reconfigure(errors="backslashreplace")


class LastingOutput:
    """Standard output for what must not end in the middle because of it.

    That its reader has gone is told once; on a full disk what does not fit waits in memory, or is left out.
    """

    def __init__(self, stream: TextIO, *, on_reader_gone: Callable[[], None]) -> None:
        self._stream = stream
        self._on_reader_gone = on_reader_gone
        self.has_reader = True
        self.encoding = stream.encoding

    def isatty(self) -> bool:
        """As the stream says."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write what can be written."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what can be handed on."""
        self._try(self._stream.flush)

    def _try(self, write: Callable[[], object]) -> None:
        if not self.has_reader:
            return
        try:
            write()
        except BrokenPipeError:
            self.has_reader = False
            drop_output()
            self._on_reader_gone()
        except OSError as error:
            if error.errno not in DISK_FAULTS:
                raise


def reader_is_gone() -> bool:
    """Whether standard output is a pipe that nobody reads any more, which a write would be told only later."""
    look = select.poll()
    look.register(_STDOUT, 0)
    return bool(look.poll(0))  # errors and hang-ups are told unasked


def drop_output() -> None:
    """Throw away what standard output would not take; the interpreter's end would try again, and say so."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDOUT)
    os.close(null)
