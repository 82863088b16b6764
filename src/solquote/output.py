"""What commands print: an answer for people or JSON on standard output, and errors as one sentence or JSON."""

import os
import sys
from types import MappingProxyType
from typing import IO, Final, Literal, cast

from rich.console import Console

from quote_core.errors import DISK_FAULTS, SolquoteError
from quote_core.json_dialect import json_text
from solquote.exit_codes import ExitCode
from solquote.standard_streams import LastingOutput

__all__ = [
    "CommandFailed",
    "answer_json",
    "failure_of",
    "is_wide",
    "make_console",
    "redraws",
    "with_status",
]

_EXIT_CODES: Final = MappingProxyType(
    {
        "INVALID_ARGUMENT": ExitCode.BAD_INPUT,
        "NOT_FOUND": ExitCode.BAD_INPUT,
        "OUT_OF_RANGE": ExitCode.BAD_INPUT,
        "FAILED_PRECONDITION": ExitCode.NEGATIVE,
        "DEADLINE_EXCEEDED": ExitCode.TIMED_OUT,
        "DATA_LOSS": ExitCode.BAD_DATA,
    }
)
"""By canonical status name; what is not named is the service's trouble: UNAVAILABLE."""

_PIPE_WIDTH: Final = 240
_WIDE_FROM: Final = 160
"""From so many columns on, a table has its full form: whole addresses, one line a row."""


class CommandFailed(Exception):
    """A command has no answer, or the answer is no; `kind` names the reason in JSON."""

    def __init__(self, kind: str, sentence: str, exit_code: ExitCode) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.exit_code = exit_code


def failure_of(error: Exception) -> CommandFailed | None:
    """What a foreseeable error means for the command; None for one that nobody foresaw."""
    if isinstance(error, CommandFailed):
        return error
    # Of those it may be only one can have been imported; and nothing is lost by the time the other takes to load.
    from quote_core.settings import SettingsError  # noqa: PLC0415  # see above
    from shm import NoQuote, ShmError  # noqa: PLC0415  # see above

    failure = None
    match error:
        case SolquoteError():
            failure = with_status(error.code, str(error))
        case SettingsError():
            failure = CommandFailed("INVALID_SETTINGS", str(error), ExitCode.BAD_INPUT)
        case NoQuote():
            failure = CommandFailed("NO_QUOTE", str(error), ExitCode.NEGATIVE)
        case ShmError():
            failure = CommandFailed("UNAVAILABLE", str(error), ExitCode.UNAVAILABLE)
        case OSError() if error.filename is not None:
            failure = CommandFailed("IO", f"{error.filename}: {error.strerror}", ExitCode.UNAVAILABLE)
        case OSError() if error.errno in DISK_FAULTS:
            failure = CommandFailed("OUTPUT", f"cannot write: {error.strerror}", ExitCode.UNAVAILABLE)
    return failure


def with_status(status_name: str, sentence: str) -> CommandFailed:
    """A failure with the exit code that suits a canonical gRPC status."""
    return CommandFailed(status_name, sentence, _EXIT_CODES.get(status_name, ExitCode.UNAVAILABLE))


def make_console(output: LastingOutput | None = None, *, wide: bool = False) -> Console:
    """Standard output for people; a pipe, or who asks for it, gets lines as wide as they come."""
    file = cast("IO[str] | None", output)  # all of it that Rich uses
    console = Console(file=file, color_system=_color_system())
    if console.is_terminal and not wide:
        return console
    return Console(file=file, width=_PIPE_WIDTH, color_system=_color_system())


def _color_system() -> Literal["auto"] | None:
    """Who wants no colours gets no bold either: no escape code at all, but for what is drawn over."""
    return None if os.environ.get("NO_COLOR") else "auto"


def is_wide(console: Console) -> bool:
    """Whether there is room for the full form of a table; the other one is readable in 80 columns."""
    return console.width >= _WIDE_FROM


def redraws(console: Console) -> bool:
    """Whether something can be shown live, drawn over what was there."""
    return console.is_terminal and not console.is_dumb_terminal


def answer_json(value: object) -> None:
    """Print a command's answer as one JSON document."""
    sys.stdout.write(json_text(value) + "\n")
