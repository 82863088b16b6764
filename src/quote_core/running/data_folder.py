"""Which platform runs with a data folder: the file that its supervisor holds locked.

The kernel gives the lock back when the process ends, however it ends. What the file says counts only while locked.
Standard library only: a stop is told through here.
"""

import fcntl
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["LOCK_NAME", "Running", "running_platform"]

LOCK_NAME: Final = "up.json"
"""The file, in the data folder."""


@dataclass(frozen=True, slots=True)
class Running:
    """The platform that runs with a data folder."""

    pid: int
    environment: Mapping[str, str]
    """What it tells its children; a command that takes it over finds the same servers and files."""


def running_platform(folder: Path) -> Running | None:
    """The platform that runs with `folder` now, if one does."""
    try:
        with (folder / LOCK_NAME).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                content = json.loads(file.read())
                return Running(content["pid"], content["environment"])
    except (OSError, ValueError):
        return None  # not there, not ours to read, or being written this moment
    return None
