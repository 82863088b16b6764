"""The standard streams as scripts leave them: closed, on a full disk, or a pipe whose reader has gone."""

import io
import os
import sys
from typing import Final

__all__ = ["drop_output", "open_closed_streams"]

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


def drop_output() -> None:
    """Throw away what standard output would not take; the interpreter's end would try again, and say so."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDOUT)
    os.close(null)
