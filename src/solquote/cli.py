"""Entry point of the `solquote` command. A stop goes out before the rest of the command line is even loaded."""

import gc
import os
import sys
from collections.abc import Sequence
from typing import Final

from solquote.standard_streams import open_closed_streams

__all__ = ["main", "run"]

_OBJECTS_MADE: Final = 250_000
"""The garbage collector looks when so many more objects were made than given back; loading a command makes up to
150,000, keeps all of them, and would be looked through again and again."""


def main() -> None:
    """Entry point of the script."""
    open_closed_streams()
    gc.set_threshold(_OBJECTS_MADE)
    # Pydantic would look through every installed distribution for plugins; there is none that may change our settings.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    exit_code = run(sys.argv[1:])
    gc.freeze()  # what is about to end with the process is not looked through once more
    sys.exit(exit_code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        Exit code.
    """
    # Imported where it is used: everything behind `run_command_line` takes a second to load, on a busy machine several.
    if arguments[:1] == ["kill"] and not {"-h", "--help"} & set(arguments):
        from solquote.stop_now import read_order, stop_now  # noqa: PLC0415  # see above

        return stop_now(read_order(arguments[1:]), os.environ)
    from solquote.command_line import run_command_line  # noqa: PLC0415  # see above

    return run_command_line(arguments)
