"""`solquote completion SHELL`: the script by which a shell completes commands, options and tokens."""

import enum
import sys
from typing import Annotated, Final

import typer
import typer.main
from typer._completion_classes import completion_init
from typer._completion_shared import get_completion_script
from typer.completion import shell_complete

__all__ = ["COMPLETE_VARIABLE", "answer_shell", "completion"]

COMPLETE_VARIABLE: Final = "_SOLQUOTE_COMPLETE"
"""Tells the program that a shell asks; the script sets it."""

_NAME: Final = "solquote"


class Shell(enum.StrEnum):
    """Shells there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish")]) -> None:
    """Print the script that completes commands, options and tokens; docs/cli.md says where it goes."""
    script = get_completion_script(prog_name=_NAME, complete_var=COMPLETE_VARIABLE, shell=shell.value)
    sys.stdout.write(script + "\n")


def answer_shell(app: typer.Typer, instruction: str) -> int:
    """Do what the script of a shell asks for by `COMPLETE_VARIABLE`."""
    completion_init()
    try:
        return shell_complete(typer.main.get_group(app), {}, _NAME, COMPLETE_VARIABLE, instruction)
    except SystemExit as ended:  # fish asks whether there is something to complete: the exit code is the answer
        return ended.code if isinstance(ended.code, int) else 0
