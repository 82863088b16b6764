"""The levels that an operator has set at run time: `log_levels.json` in the data folder, which every process looks at.

A file and not a signal: it says which level, a process that is started again has it too, and it reaches what runs in
a container or below another supervisor. `solquote up` begins without it. Standard library only: `solquote logs`
waits for nothing else.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from quote_core.files import replace_file

__all__ = ["LEVELS", "LEVELS_NAME", "forget_levels", "levels_set", "set_levels"]

LEVELS_NAME: Final = "log_levels.json"
"""The file, in the data folder: an object of process and level."""
LEVELS: Final = ("debug", "info", "warning", "error")
"""From the most that is logged to the least."""
_SIZE_BYTES_MAX: Final = 64 * 1024


def levels_set(folder: Path) -> dict[str, str]:
    """By process; one that is not in it has the level of its settings."""
    try:
        with (folder / LEVELS_NAME).open("rb") as file:
            told = json.loads(file.read(_SIZE_BYTES_MAX))
    except (OSError, ValueError):
        return {}
    return {name: level for name, level in told.items() if level in LEVELS} if isinstance(told, dict) else {}


def set_levels(folder: Path, processes: Iterable[str], level: str | None) -> None:
    """Have processes log at a level within a second or two; `None` = that of their settings.

    Raises:
        OSError: The file cannot be written.
    """
    levels = levels_set(folder)
    for process in processes:
        levels.pop(process, None)
        if level is not None:
            levels[process] = level
    replace_file(folder / LEVELS_NAME, json.dumps(levels).encode(), outlives_power_failure=False)


def forget_levels(folder: Path) -> None:
    """Have every process log at the level of its settings."""
    (folder / LEVELS_NAME).unlink(missing_ok=True)
