"""What the supervisor knows of its processes, in a file that other commands read: `status.json` in the data folder.

It is replaced as one step on every change, at most four times a second, and at least once a second: a reader tells
from its moment how old it is. It counts only while the data folder is locked (`lock`) by the supervisor that wrote it,
so the file of one that was killed says nothing. A disk that is full leaves the last one there, and it grows old. Nobody
waits for the disk: after a power failure there is no supervisor.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quote_core.clock import AGE_UNKNOWN_NS, Clock, Moment, moment
from quote_core.files import replace_file
from solquote.supervisor.lifecycle import ProcessState
from solquote.supervisor.lock import running_platform
from solquote.supervisor.specification import ProcessSpec, ProcessView

__all__ = ["OLD_NS_MIN", "PlatformStatus", "StatusFile", "read_status"]

_NAME: Final = "status.json"
_SIGN_OF_LIFE_S: Final = 1.0
_WRITE_EVERY_S: Final = 0.25
_SIZE_BYTES_MAX: Final = 256 * 1024
OLD_NS_MIN: Final = 5_000_000_000
"""A status older than this is not how things are: its supervisor stands still, or cannot write."""


class StatusFile:
    """A `Watcher` that writes down what it is told.

    Args:
        folder: The data folder.
        specs: What will run, in the order in which it is shown.
        clock: Dates what is written.
    """

    def __init__(self, folder: Path, specs: Sequence[ProcessSpec], *, clock: Clock) -> None:
        self._path = folder / _NAME
        self._clock = clock
        self._views = {
            spec.name: ProcessView(name=spec.name, state=ProcessState.WAITING, address=spec.address) for spec in specs
        }
        self._news = asyncio.Event()

    def changed(self, view: ProcessView) -> None:
        """See `Watcher.changed`."""
        self._views[view.name] = view
        self._news.set()

    def told(self, name: str, sentence: str) -> None:
        """Sentences are for who sees them when they are told."""

    def logged(self, name: str, line: str) -> None:
        """Lines are in the log files."""

    async def run(self) -> None:
        """Write until cancelled, and leave no file behind. What cannot be written is tried again."""
        writing: asyncio.Future[None] | None = None
        try:
            while True:
                self._news.clear()
                writing = asyncio.ensure_future(asyncio.to_thread(self._write, self._content()))
                with contextlib.suppress(OSError):
                    await asyncio.shield(writing)
                await asyncio.sleep(_WRITE_EVERY_S)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SIGN_OF_LIFE_S - _WRITE_EVERY_S):
                        await self._news.wait()
        finally:
            if writing is not None:
                await asyncio.gather(writing, return_exceptions=True)  # or it would come after the file was removed
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _content(self) -> bytes:
        now = moment(self._clock)
        content = {
            "pid": os.getpid(),
            "bootId": now.boot_id,
            "monoNs": now.mono_ns,
            "unixNs": now.unix_ns,
            "processes": [_written(view) for view in self._views.values()],
        }
        return json.dumps(content).encode()

    def _write(self, content: bytes) -> None:
        replace_file(self._path, content, outlives_power_failure=False)


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
        with (folder / _NAME).open("rb") as file:
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
