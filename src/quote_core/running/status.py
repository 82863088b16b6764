"""How the processes of a running platform are: the words, and the file `status.json` in which they stand.

`status_content` writes what `read_status` reads. The file counts only while the data folder is locked by the
supervisor that wrote it (`data_folder`), so that of one that was killed says nothing; it tells when it was written,
and grows old when nobody does.
"""

import enum
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quote_core.clock import AGE_UNKNOWN_NS, Clock, Moment, moment
from quote_core.running.data_folder import running_platform

__all__ = [
    "OLD_NS_MIN",
    "STATUS_NAME",
    "PlatformStatus",
    "ProcessState",
    "ProcessView",
    "read_status",
    "status_content",
]

STATUS_NAME: Final = "status.json"
"""The file, in the data folder."""
_SIZE_BYTES_MAX: Final = 256 * 1024
OLD_NS_MIN: Final = 5_000_000_000
"""A status older than this is not how things are: its supervisor stands still, or cannot write."""


class ProcessState(enum.Enum):
    """What a supervised process is doing; the value is for people."""

    WAITING = "waiting"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    """It was healthy, runs, and says or shows that it does not do its work now."""
    BACKOFF = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessView:
    """A process as it is now."""

    name: str
    state: ProcessState
    address: str
    pid: int | None = None
    status: str = ""
    restart_count: int = 0
    started_mono_ns: int | None = None


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
        with (folder / STATUS_NAME).open("rb") as file:
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


def status_content(views: Iterable[ProcessView], *, now: Moment) -> bytes:
    """The file's content, told by this process."""
    content = {
        "pid": os.getpid(),
        "bootId": now.boot_id,
        "monoNs": now.mono_ns,
        "unixNs": now.unix_ns,
        "processes": [_written(view) for view in views],
    }
    return json.dumps(content).encode()


def _written(view: ProcessView) -> dict[str, object]:
    return {
        "process": view.name,
        "state": view.state.value,
        "pid": view.pid,
        "address": view.address,
        "status": view.status,
        "restartCount": view.restart_count,
        "startedMonoNs": view.started_mono_ns,
    }


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
