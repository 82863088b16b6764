"""Heeds the level that an operator sets while the process runs: `quote_core.running.log_levels`."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from quote_core.running.log_levels import LEVELS, LEVELS_NAME, levels_set
from quote_core.telemetry.logs import set_log_level

__all__ = ["follow_level"]

LOOK_EVERY_S: Final = 1.0


async def follow_level(folder: Path, process: str, *, default: str) -> None:
    """Log at the level that is set for `process`, `default` where none is, until cancelled."""
    now = default
    seen: tuple[int, int] | None = None
    while True:
        file = _identity(folder / LEVELS_NAME)
        if file != seen:
            seen = file
            wanted = levels_set(folder).get(process, default)
            if wanted != now:
                set_log_level(min(now, wanted, key=LEVELS.index))
                structlog.get_logger().info("another level is logged from now on", level_before=now, level_now=wanted)
                set_log_level(wanted)
                now = wanted
        await asyncio.sleep(LOOK_EVERY_S)


def _identity(path: Path) -> tuple[int, int] | None:
    """What differs whenever the file was replaced."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
