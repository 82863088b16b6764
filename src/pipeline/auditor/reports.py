"""A file for each UTC day that has ended: `reports/pnl-2026-11-29.json` in the data folder, written once.

The file itself says that the day is reported: it is linked into place whole, and never written over, so that a restart,
a kill in the middle or a second auditor of the same folder makes no second one. Whoever deletes it has it written anew,
as long as EXECUTED keeps the whole day.
"""

import asyncio
import contextlib
import os
import re
from datetime import date
from pathlib import Path
from typing import Any, Final

import structlog

from pipeline.auditor.daily import DAY_COUNT_MAX, day_index, day_text
from pipeline.auditor.reading import Books
from quote_core.clock import Clock
from quote_core.files import remove_abandoned
from quote_core.json_dialect import json_text
from quote_core.units import NS_PER_S

__all__ = ["FOLDER", "GRACE_NS", "publish_reports", "report_path", "reported_days", "write_once"]

FOLDER: Final = "reports"
"""In the data folder."""

GRACE_NS: Final = 60 * NS_PER_S
"""A trade begun at the end of a day is over by then, and its result has come."""

LOOK_S: Final = 5.0
"""Between two looks whether a day has ended."""

_NAME: Final = re.compile(r"pnl-(\d{4}-\d{2}-\d{2})\.json")

_log: Final = structlog.get_logger(part="reports")


def report_path(folder: Path, day: int) -> Path:
    """Where the report of a day, counted from 1970, is."""
    return folder / f"pnl-{day_text(day)}.json"


def reported_days(folder: Path) -> set[int]:
    """The days that have a report; none while the folder cannot be read."""
    days: set[int] = set()
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            found = _NAME.fullmatch(path.name)
            if found is not None:
                with contextlib.suppress(ValueError):  # a 31st of February
                    days.add(day_index(date.fromisoformat(found[1])))
    return days


async def publish_reports(books: Books, folder: Path, *, clock: Clock) -> None:
    """Write the report of each day that ends, for ever; of those that ended meanwhile, once the books are whole."""
    is_failing = False
    while True:
        await books.caught_up.wait()
        for day in books.days.ended(clock.unix_ns() - GRACE_NS, day_count_max=DAY_COUNT_MAX):
            try:
                was_written = await asyncio.to_thread(write_once, report_path(folder, day), books.days.report(day))
            except OSError as error:
                if not is_failing:
                    _log.warning("a day's report cannot be written", day=day_text(day), reason=str(error))
                is_failing = True
                break
            is_failing = False
            books.days.close(day)
            if was_written:
                _log.info("the day's report is written", day=day_text(day), file=str(report_path(folder, day)))
        await asyncio.sleep(LOOK_S)


def write_once(path: Path, report: dict[str, Any]) -> bool:
    """Write a report that is not there yet, mode 0600, and return once the disk has it; says whether it was not.

    Raises:
        OSError: It could not be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_abandoned(path)
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(json_text(report) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(scratch, path)
    except FileExistsError:
        return False
    finally:
        scratch.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
