"""Profiles that are ordered of running processes: `profiles` in the data folder, with a folder for each order.

| in an order's folder     | is written by                | and says                                             |
|--------------------------|------------------------------|------------------------------------------------------|
| `order.json`             | whoever orders               | whose profile: process and pid; over how many seconds |
| `begun`                  | that process, at a look      | that it takes the order, which nobody does again      |
| `stacks.speedscope.json` | that process, when it is done | the profile, whole as soon as it is there            |

Files, as with `log_levels`: who may write into the data folder may order, and nobody else. Whoever ordered takes the
folder away, which calls off what is not done yet. A process that is started again has another pid, and no orders.
Standard library only.
"""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from quote_core.files import replace_file

__all__ = ["SECONDS_MAX", "ProfileOrder", "forget_orders", "orders_waiting"]

SECONDS_MAX: Final = 300.0
"""Over so much a profile is taken at most, which bounds what the process keeps of it."""
_FOLDER: Final = "profiles"
_ORDER: Final = "order.json"
_BEGUN: Final = "begun"
_RESULT: Final = "stacks.speedscope.json"
_ORDER_BYTES_MAX: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOrder:
    """One profile of one process."""

    folder: Path
    process: str
    pid: int
    seconds: float

    @classmethod
    def placed(cls, data_folder: Path, *, process: str, pid: int, seconds: float) -> Self:
        """Order a profile; the process begins within a second or two.

        Raises:
            OSError: The data folder cannot be written to.
        """
        (data_folder / _FOLDER).mkdir(mode=0o700, exist_ok=True)
        folder = data_folder / _FOLDER / secrets.token_hex(8)
        content = json.dumps({"process": process, "pid": pid, "seconds": seconds})
        replace_file(folder / _ORDER, content.encode(), outlives_power_failure=False)
        return cls(folder=folder, process=process, pid=pid, seconds=seconds)

    @property
    def is_wanted(self) -> bool:
        """Whether whoever ordered still waits."""
        return (self.folder / _ORDER).exists()

    @property
    def has_begun(self) -> bool:
        """Whether the process has taken the order."""
        return (self.folder / _BEGUN).exists()

    def begin(self) -> None:
        """Take the order.

        Raises:
            OSError: That cannot be written down, or the order has been called off.
        """
        (self.folder / _BEGUN).touch(mode=0o600)

    def deliver(self, content: bytes) -> None:
        """Leave the profile, unless it is not wanted any more.

        Raises:
            OSError: It cannot be written.
        """
        if self.is_wanted:
            replace_file(self.folder / _RESULT, content, outlives_power_failure=False)

    def delivered(self) -> bytes | None:
        """The profile; `None` as long as there is none.

        Raises:
            OSError: It cannot be read.
        """
        try:
            return (self.folder / _RESULT).read_bytes()
        except FileNotFoundError:
            return None

    def take_away(self) -> None:
        """Leave nothing of the order."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # others wait
            self.folder.parent.rmdir()


def orders_waiting(data_folder: Path, *, process: str, pid: int) -> Iterator[ProfileOrder]:
    """What is ordered of a process, and not begun."""
    try:
        with os.scandir(data_folder / _FOLDER) as entries:
            folders = [Path(entry.path) for entry in entries]
    except OSError:
        return  # as a rule there is no such folder, and this is all that a look costs
    for folder in folders:
        order = _read(folder)
        if order is not None and (order.process, order.pid) == (process, pid) and not order.has_begun:
            yield order


def forget_orders(data_folder: Path) -> None:
    """Remove what those left who ordered and were killed."""
    shutil.rmtree(data_folder / _FOLDER, ignore_errors=True)


def _read(folder: Path) -> ProfileOrder | None:
    """An order as it is written; `None` for what is none."""
    try:
        with (folder / _ORDER).open("rb") as file:
            told = json.loads(file.read(_ORDER_BYTES_MAX))
        seconds = float(told["seconds"])
        order = ProfileOrder(folder=folder, process=str(told["process"]), pid=int(told["pid"]), seconds=seconds)
    except (OSError, ValueError, TypeError, LookupError, RecursionError, OverflowError):
        return None
    return order if 0 < seconds <= SECONDS_MAX else None
