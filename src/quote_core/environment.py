"""The environment of a process as settings read it; light, since `solquote kill` waits for nothing else."""

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["NoHome", "default_data_dir", "given"]


class NoHome(Exception):
    """A path is to be found below a home folder, and there is none."""

    def __init__(self) -> None:
        super().__init__("there is no home folder to keep it in; set SOLQUOTE_DATA_DIR or XDG_STATE_HOME to a folder")


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """What is set, without the blanks and line ends around it that come with a file that was pasted.

    A variable that is empty or blank is not set: compose makes such of `${X:-}`.
    """
    stripped = ((name, value.strip()) for name, value in environ.items())
    return {name: value for name, value in stripped if value}


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Where the XDG base directory specification wants state that should outlive a run.

    Raises:
        NoHome: Neither a variable nor the user database names a home folder.
    """
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if os.path.isabs(base) else _home(environ) / ".local" / "state") / "solquote"


def _home(environ: Mapping[str, str]) -> Path:
    named = environ.get("HOME", "")
    if os.path.isabs(named):
        return Path(named)
    import pwd  # noqa: PLC0415 - asked only where the environment is silent

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        raise NoHome from None
