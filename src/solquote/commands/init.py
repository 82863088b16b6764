"""`solquote init`: a settings file with everything in it, commented out, to begin from."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from quote_core.setting_names import CONFIG_VARIABLE
from solquote.commands.options import Json
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed, answer_json, make_console
from solquote.settings_reference import reference, reference_toml

__all__ = ["init"]

_MODE: Final = 0o600
"""An API key may come to stand in it."""


def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="File to write")] = Path("solquote.toml"),
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE if it exists")] = False,
    as_json: Json = False,
) -> None:
    """Write a settings file: every section and setting with its default and meaning, commented out."""
    how = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        descriptor = os.open(path, how, _MODE)
    except FileExistsError:
        sentence = f"{path} exists; --force overwrites it, another name leaves it"
        raise CommandFailed("ALREADY_EXISTS", sentence, ExitCode.NEGATIVE) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(reference_toml(reference()))
    if as_json:
        answer_json({"file": str(path.absolute()), "variable": CONFIG_VARIABLE})
    else:
        sentence = f"{path} is written. Remove the # before what you change, and run with\n"
        make_console().print(
            f"{sentence}{CONFIG_VARIABLE}={path.absolute()}", highlight=False, markup=False, soft_wrap=True
        )
