"""The `solquote` command: which sub-commands there are, and how every error becomes one sentence and an exit code."""

import json
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from quote_core.errors import SolquoteError
from quote_core.settings import SettingsError
from shm import ShmError
from solquote.commands.up import up
from solquote.commands.verify_quotes import verify_quotes
from solquote.exit_codes import ExitCode
from solquote.output import Negative, exit_code_of

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="solquote",
    help="Exact swap quotes for Solana traders, and the pipeline behind them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(up)
app.command()(verify_quotes)


def main() -> None:
    """Entry point of the script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        Exit code.
    """
    as_json = "--json" in arguments
    try:
        ended = app(arguments, standalone_mode=False)
    except TyperException as error:
        return _report("USAGE", error.format_message(), ExitCode.BAD_INPUT, as_json=as_json)
    except (Negative, SolquoteError, SettingsError, ShmError) as error:
        return _report(_kind(error), str(error), exit_code_of(error), as_json=as_json)
    return ended if isinstance(ended, int) else ExitCode.OK


def _kind(error: Exception) -> str:
    match error:
        case Negative():
            return error.kind
        case SolquoteError():
            return error.code
        case SettingsError():
            return "INVALID_SETTINGS"
        case _:
            return "UNAVAILABLE"


def _report(kind: str, sentence: str, code: ExitCode, *, as_json: bool) -> int:
    text = json.dumps({"error": {"code": kind, "message": sentence}}) if as_json else f"solquote: {sentence}"
    sys.stderr.write(text + "\n")
    return code
