"""Runs one line of `solquote`: loads the command that was named, and makes every error a sentence and an exit code."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeGuard

import typer
import typer.main
from typer._click.exceptions import NoArgsIsHelpError
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.exceptions import TyperException

from quote_core.json_dialect import error_answer, json_text
from quote_core.units import is_plain_decimal
from solquote.command_table import COMMANDS, Command
from solquote.commands.completion import COMPLETE_VARIABLE, answer_shell
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed, failure_of
from solquote.standard_streams import drop_output

__all__ = ["app", "run_command_line"]


class _Listed(TyperCommand):
    """A command in the list, by its line of the table; whoever wants more of it gets the real one's context."""

    def __init__(self, command: Command) -> None:
        super().__init__(command.name, help=command.summary)
        self._command = command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Begin the real command."""
        return _loaded(self._command).make_context(info_name, args, parent, **extra)


class _QuietHelp:
    """Help that nobody asked for is no: to check the nothing that Typer has there, it would load Pydantic."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option, with a value that needs no check."""
        option = super().get_help_option(ctx)  # type: ignore[misc]  # of the command this is mixed into
        if option is not None:
            option.default = False
        return option


class _Commands(_QuietHelp, TyperGroup):
    """The table as a group."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": {command.name: _Listed(command) for command in COMMANDS}})


class _PlainNumbers(_QuietHelp):
    """What is mixed into a command whose numbers are plain decimals, whatever Python would read as one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Look at the numbers as they were typed."""
        if not ctx.resilient_parsing:
            given, _, _ = self.make_parser(ctx).parse_args(args=list(args))  # type: ignore[attr-defined]  # see above
            for parameter in self.params:  # type: ignore[attr-defined]
                typed = given.get(parameter.name)
                if isinstance(typed, str) and _takes_number(parameter) and not is_plain_decimal(typed):
                    sentence = f"{typed!r} is not a plain decimal number such as 15."
                    raise typer.BadParameter(sentence, ctx=ctx, param=parameter)
        return super().parse_args(ctx, args)  # type: ignore[misc,no-any-return]


class _PlainCommand(_PlainNumbers, TyperCommand):
    """A command."""


class _PlainGroup(_PlainNumbers, TyperGroup):
    """A command with others below it; what it does without one of them may have numbers, too."""


def _takes_number(parameter: Any) -> TypeGuard[TyperOption | TyperArgument]:
    return isinstance(parameter, TyperOption | TyperArgument) and parameter.type_descriptor.annotation in (int, float)


_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}
# Help is plain (`rich_markup_mode`): what would draw boxes around it takes longer to load than most commands run.

app = typer.Typer(
    cls=_Commands,
    name="solquote",
    help="Exact swap quotes for Solana traders, and the pipeline behind them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # noqa: PLC0415  # for this option only

        sys.stdout.write(f"solquote {metadata.version('solquote')}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[  # the callback answers before the command is looked for
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What stands before a command."""


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        Exit code.
    """
    as_json = "--json" in arguments
    try:
        if COMPLETE_VARIABLE in os.environ:
            return answer_shell(app, os.environ[COMPLETE_VARIABLE])
        ended = app(arguments, standalone_mode=False, prog_name="solquote")
        sys.stdout.flush()
    except NoArgsIsHelpError as error:  # a command with sub-commands was given none
        sys.stdout.write(f"{error.format_message()}\n")
        return ExitCode.BAD_INPUT
    except TyperException as error:
        return _report(CommandFailed("USAGE", _said(error), ExitCode.BAD_INPUT), as_json=as_json)
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


def _said(error: TyperException) -> str:
    """What typer says, in one line and without the words of the library that checked the value."""
    return " ".join(error.format_message().replace("Value error, ", "").split())


def _loaded(command: Command) -> Any:
    """Import what the command is, and give it the form in which typer runs it."""
    module = importlib.import_module(f"solquote.commands.{command.module}")
    found = getattr(module, command.name.replace("-", "_"))
    if isinstance(found, typer.Typer):
        found.rich_markup_mode = None
        found.info.cls = _PlainGroup
        for information in found.registered_commands:
            information.cls = _PlainCommand
        return typer.main.get_group(found)
    alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None)
    settings = {"ignore_unknown_options": command.takes_negative_numbers}
    alone.command(command.name, cls=_PlainCommand, context_settings=settings)(found)
    return typer.main.get_command(alone)


def _report(failure: CommandFailed, *, as_json: bool) -> int:
    text = f"solquote: {failure}"
    if as_json:
        text = json_text(error_answer(str(failure), failure.kind))
    sys.stderr.write(text + "\n")
    return failure.exit_code
