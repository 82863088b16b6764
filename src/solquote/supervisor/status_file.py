"""What the supervisor knows of its processes, in a file that other commands read: `status.json` in the data folder.

`status_writer` replaces it at least once a second: a reader tells from its moment how old it is. It counts only while
the data folder is locked (`lock`) by the supervisor that wrote it, so the file of one that was killed says nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quote_core.clock import AGE_UNKNOWN_NS, Clock, Moment, moment
from solquote.supervisor.lifecycle import ProcessState
from solquote.supervisor.lock import running_platform
from solquote.supervisor.specification import ProcessView

__all__ = ["NAME", "OLD_NS_MIN", "PlatformStatus", "read_status"]

NAME: Final = "status.json"
_SIZE_BYTES_MAX: Final = 256 * 1024
OLD_NS_MIN: Final = 5_000_000_000
"""A status older than this is not how things are: its supervisor stands still, or cannot write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStatus:
    """A running platform as its supervisor last told it."""

    pid: int
    """Of the supervisor."""
    views: tuple[ProcessView, ...] = ()
    """Their times are of the reader's clock."""
    age_ns: int = AGE_UNKNOWN_NS
    """Since it was told."""

    @property
    def is_old(self) -> bool:
        """Whether things may be otherwise by now."""
        return self.age_ns > OLD_NS_MIN


def read_status(folder: Path, *, clock: Clock) -> PlatformStatus | None:
    """The platform that runs with the data folder now; `None` when none does."""
    running = running_platform(folder)
    if running is None:
        return None
    now = moment(clock)
    try:
        with (folder / NAME).open("rb") as file:
            content = json.loads(file.read(_SIZE_BYTES_MAX))
        if content["pid"] != running.pid:  # of one before, which was killed
            return PlatformStatus(pid=running.pid)
        told = Moment(content["bootId"], content["monoNs"], content["unixNs"])
        age_ns = told.age_ns(now)
        ahead_ns = now.mono_ns - min(age_ns, now.mono_ns) - told.mono_ns  # of two boots the clocks differ
        views = tuple(_read(each, ahead_ns) for each in content["processes"])
    except (OSError, ValueError, TypeError, LookupError):
        return PlatformStatus(pid=running.pid)
    return PlatformStatus(pid=running.pid, views=views, age_ns=age_ns)


def _read(told: Mapping[str, Any], ahead_ns: int) -> ProcessView:
    started = told["startedMonoNs"]
    return ProcessView(
        name=str(told["process"]),
        state=ProcessState(told["state"]),
        address=str(told["address"]),
        pid=told["pid"],
        status=str(told["status"]),
        restart_count=int(told["restartCount"]),
        started_mono_ns=None if started is None else int(started) + ahead_ns,
    )
