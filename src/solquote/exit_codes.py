"""Exit codes of every command; documented in docs/cli.md and never renumbered."""

import enum

__all__ = ["ExitCode"]


class ExitCode(enum.IntEnum):
    """How a command ended."""

    OK = 0
    NEGATIVE = 1
    """It worked, and the answer is no: no liquidity, a failed check, a port held by somebody else."""
    BAD_INPUT = 2
    """The command line or a setting is wrong."""
    UNAVAILABLE = 3
    """A service that was needed cannot be reached."""
    TIMED_OUT = 4
    """It was reached, and did not answer in time."""
    BAD_DATA = 5
    """It answered with something that cannot be right."""
    INTERRUPTED = 130
    """Ctrl-C."""
    READER_GONE = 141
    """Whoever read the answer through a pipe has gone, as after `| head -1`; the number a shell gives for SIGPIPE."""
