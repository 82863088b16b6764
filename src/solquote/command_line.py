"""Which sub-commands `solquote` has, and how every error becomes one sentence and an exit code."""

import json
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from quote_core.telemetry import start_logs
from solquote.commands.doctor import doctor
from solquote.commands.kill_switch import kill, release
from solquote.commands.pnl import pnl
from solquote.commands.pools import pools
from solquote.commands.quote import quote
from solquote.commands.record import record
from solquote.commands.settings import settings
from solquote.commands.shm_files import shm
from solquote.commands.tokens import tokens
from solquote.commands.up import up
from solquote.commands.verify_quotes import verify_quotes
from solquote.commands.watch import watch
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed, failure_of
from solquote.standard_streams import drop_output

__all__ = ["app", "run_command_line"]

app = typer.Typer(
    name="solquote",
    help="Exact swap quotes for Solana traders, and the pipeline behind them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(up)
app.command(context_settings={"ignore_unknown_options": True})(quote)  # -1 is a wrong amount, not an option
app.command()(watch)
app.command()(pools)
app.command()(tokens)
app.command()(doctor)
app.command()(kill)
app.command()(release)
app.command()(pnl)
app.command()(settings)
app.add_typer(shm, name="shm")
app.command(name="verify-quotes")(verify_quotes)
app.command()(record)


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        Exit code.
    """
    as_json = "--json" in arguments
    start_logs("solquote", "error")  # what libraries log must not get between the lines of an answer
    try:
        ended = app(arguments, standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        return _report(CommandFailed("USAGE", error.format_message(), ExitCode.BAD_INPUT), as_json=as_json)
    except (BrokenPipeError, SystemExit):  # the latter is how rich and typer end a command whose reader has gone
        drop_output()
        return ExitCode.READER_GONE
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        if failure.kind == "OUTPUT":
            drop_output()
        return _report(failure, as_json=as_json)
    return ended if isinstance(ended, int) else ExitCode.OK


def _report(failure: CommandFailed, *, as_json: bool) -> int:
    if not str(failure):  # a command with sub-commands was given none, and has printed its help
        return failure.exit_code
    text = f"solquote: {failure}"
    if as_json:
        text = json.dumps({"error": str(failure), "errorCode": failure.kind})
    sys.stderr.write(text + "\n")
    return failure.exit_code
