"""Options that several commands share."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from quote_core.environment import given
from quote_core.errors import InvalidField
from quote_core.setting_names import PREFIX
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed

__all__ = [
    "DATA_DIR_VARIABLE",
    "DataDir",
    "Json",
    "Pair",
    "Streams",
    "TaxCsv",
    "Timeout",
    "Types",
    "Wide",
    "WithPaper",
    "check_one_answer",
    "check_with_paper",
    "found_environment",
    "missing_folder",
    "own_environment",
    "token_symbols",
    "with_options",
]

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, errors too.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data folder of the platform meant [env: SOLQUOTE_DATA_DIR]", show_envvar=False),
]
Timeout = Annotated[float, typer.Option(help="Longest wait for a service, seconds", min=0.01, max=300)]
Wide = Annotated[bool, typer.Option("--wide", help="Whole addresses and long lines; a pipe gets them anyway.")]
Streams = Annotated[
    list[str] | None, typer.Option("--stream", help="Only this stream; may be repeated", metavar="STREAM")
]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Only events of this type; may be repeated", metavar="TYPE")
]
Pair = Annotated[str | None, typer.Option("--pair", help="Only events of this pair, such as SOL-USDC", metavar="PAIR")]
TaxCsv = Annotated[bool, typer.Option("--csv-tax", help="Write live trades as CSV for tax software (Koinly) instead")]
WithPaper = Annotated[bool, typer.Option("--with-paper", help="With --csv-tax: what was traded on paper, too")]
DATA_DIR_VARIABLE: Final = PREFIX + "DATA_DIR"


def with_options(environ: Mapping[str, str], options: Mapping[str, object | None]) -> dict[str, str]:
    """`environ` with every option that was given put over it."""
    return {**environ, **{name: str(value) for name, value in options.items() if value is not None}}


def found_environment(data_dir: Path | None) -> dict[str, str]:
    """The environment a command works with: ours, and where that is silent what the running platform tells its own.

    So `solquote quote` finds a platform on other ports as long as it means the same data folder.

    Raises:
        InvalidField: The folder that the command line names is not there.
    """
    from quote_core.running.data_folder import running_platform  # noqa: PLC0415  # not every command has settings
    from quote_core.settings import PlatformSettings, SettingsError  # noqa: PLC0415  # the same

    if data_dir is not None and not data_dir.is_dir():
        raise missing_folder(data_dir)
    environ = own_environment(data_dir)
    try:
        running = running_platform(PlatformSettings.load(environ=environ).data_folder())
    except SettingsError:
        return environ  # the command tells it, when it loads the settings it needs
    return environ if running is None else {**running.environment, **environ}


def check_one_answer(answers: Mapping[str, bool]) -> str:
    """The option of the one answer that was asked for, by the name of each; empty for that for people.

    Raises:
        CommandFailed: There are two.
    """
    asked = [name for name, is_asked in answers.items() if is_asked]
    if len(asked) > 1:
        raise CommandFailed("USAGE", f"{asked[0]} and {asked[1]} are two answers; ask for one", ExitCode.BAD_INPUT)
    return asked[0] if asked else ""


def check_with_paper(*, as_tax_csv: bool, with_paper: bool) -> None:
    """Refuse the one without the other.

    Raises:
        CommandFailed: It is.
    """
    if with_paper and not as_tax_csv:
        raise CommandFailed("USAGE", "--with-paper goes with --csv-tax", ExitCode.BAD_INPUT)


def missing_folder(data_dir: Path) -> InvalidField:
    """What a command says that was sent to a platform which never was there."""
    made = f"solquote up --data-dir {shlex.quote(str(data_dir))}"
    return InvalidField("--data-dir", f"{data_dir} is no folder; `{made}` makes it")


def own_environment(data_dir: Path | None) -> dict[str, str]:
    """What was set for the command itself."""
    return with_options(given(os.environ), {DATA_DIR_VARIABLE: data_dir})


def token_symbols() -> list[str]:
    """The registry's symbols, for completion in a shell; none while the settings are wrong, which a command says."""
    from quote_core.settings import PlatformSettings, SettingsError  # noqa: PLC0415  # for a shell that completes, only
    from quote_core.tokens import load_tokens  # noqa: PLC0415  # the same

    try:
        return [token.symbol for token in load_tokens(PlatformSettings.load(environ=os.environ).tokens_path)]
    except (SettingsError, InvalidField):
        return []
