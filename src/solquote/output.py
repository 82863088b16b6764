"""What commands print: an answer for people or JSON on standard output, and errors as one sentence or JSON."""

import json
from dataclasses import dataclass

from rich.console import Console

from quote_core.errors import DataError, DeadlinePassed, MarketError, RequestError
from quote_core.settings import SettingsError
from solquote.exit_codes import ExitCode

__all__ = ["Negative", "Output", "exit_code_of"]


class Negative(Exception):
    """The command did its work and the answer is no; `kind` names it in JSON."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Output:
    """Where and how a command answers."""

    as_json: bool
    console: Console

    def answer(self, value: object) -> None:
        """Print a value as JSON."""
        self.console.print(json.dumps(value), markup=False, highlight=False, soft_wrap=True)


def exit_code_of(error: Exception) -> ExitCode:
    """The code that tells what kind of error it was."""
    match error:
        case Negative() | MarketError():
            return ExitCode.NEGATIVE
        case RequestError() | SettingsError():
            return ExitCode.BAD_INPUT
        case DeadlinePassed():
            return ExitCode.TIMED_OUT
        case DataError():
            return ExitCode.BAD_DATA
        case _:
            return ExitCode.UNAVAILABLE
