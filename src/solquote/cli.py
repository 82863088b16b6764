"""Entry point of the `solquote` command. A stop goes out before the rest of the command line is even loaded."""

import os
import sys
from collections.abc import Sequence

from solquote.standard_streams import open_closed_streams

__all__ = ["main", "run"]


def main() -> None:
    """Entry point of the script."""
    open_closed_streams()
    sys.exit(run(sys.argv[1:]))


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
