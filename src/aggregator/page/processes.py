"""How the processes are, their newest log lines, and the settings: from the supervisor's files, where there is one."""

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from aggregator.page.board import Board
from quote_core.clock import Clock
from quote_core.running.log_files import LOG_FOLDER, LogFollower, LogLine, fields_of
from quote_core.running.settings_shown import read_settings, shown_settings
from quote_core.running.status import PlatformStatus, ProcessView, read_status
from quote_core.settings import ServiceSettings

__all__ = ["ProcessesPanel", "line_content"]

_LOOK_EVERY_S: Final = 0.5
_LINES_MAX: Final = 20
_LINE_CHARS_MAX: Final = 600
_NAMED_APART: Final = ("event", "level", "timestamp", "service")


class ProcessesPanel:
    """Topics `processes`, `settings`, and `log:NAME` for each process.

    Args:
        folder: The data folder; `None` = there is none.
        own_models: The settings of this process, which are shown where no supervisor has written down all of them.
        clock: For ages.
    """

    def __init__(self, folder: Path | None, own_models: Sequence[type[ServiceSettings]], *, clock: Clock) -> None:
        self._folder = folder
        self._own_models = own_models
        self._clock = clock

    async def run(self, board: Board) -> None:
        """Look twice a second, in a thread: a disk may be slow."""
        logs: dict[str, _Log] = {}
        try:
            while True:
                status = await asyncio.to_thread(self._status)
                board.put("processes", self.processes(status))
                board.put("settings", await asyncio.to_thread(self.settings, is_supervised=status is not None))
                if status is not None and self._folder is not None:
                    new = {view.name for view in status.views} - logs.keys()
                    logs |= {name: _Log(self._folder / LOG_FOLDER, name) for name in new}
                for name, log in logs.items():
                    lines = await asyncio.to_thread(log.look)
                    board.put("log", {"process": name, "lines": lines}, part=name)
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            for log in logs.values():
                log.close()

    def _status(self) -> PlatformStatus | None:
        return None if self._folder is None else read_status(self._folder, clock=self._clock)

    def processes(self, status: PlatformStatus | None) -> dict[str, Any]:
        """What the supervisor told."""
        if status is None:
            return {"is_supervised": False, "is_old": False, "pid": None, "processes": []}
        return {
            "is_supervised": True,
            "is_old": status.is_old,
            "pid": status.pid,
            "processes": [self._process(view) for view in status.views],
        }

    def _process(self, view: ProcessView) -> dict[str, Any]:
        started = view.started_mono_ns
        return {
            "process": view.name,
            "state": view.state.value,
            "pid": view.pid,
            "restart_count": view.restart_count,
            "uptime_s": None if started is None else max(0, self._clock.mono_ns() - started) // 1_000_000_000,
            "address": view.address,
            "status": view.status,
        }

    def settings(self, *, is_supervised: bool) -> dict[str, Any]:
        """Those the supervisor wrote down, or else this process's own."""
        written = read_settings(self._folder) if is_supervised and self._folder is not None else ()
        settings = written or tuple(shown_settings(self._own_models, os.environ))
        return {"is_whole": bool(written), "settings": [asdict(setting) for setting in settings]}


class _Log:
    """The newest lines of one process, whatever becomes of its file."""

    def __init__(self, folder: Path, process: str) -> None:
        self._follower = LogFollower(folder, process)
        self._lines: deque[dict[str, Any]] | None = None

    def look(self) -> list[dict[str, Any]]:
        """The lines as they are now."""
        if self._lines is None:
            self._lines = deque(maxlen=_LINES_MAX)
            self._take(self._follower.begin(_LINES_MAX))
        else:
            self._take(self._follower.more())
        return list(self._lines)

    def _take(self, lines: Iterable[LogLine]) -> None:
        assert self._lines is not None
        self._lines.extend(map(line_content, list(lines)[-_LINES_MAX:]))

    def close(self) -> None:
        """Give the file back."""
        self._follower.close()


def line_content(line: LogLine) -> dict[str, Any]:
    """One line: when, how bad, what, and the rest as it is written."""
    told = fields_of(line.text)
    if told is None:
        return {"unix_ms": line.unix_ms, "level": "", "event": line.text[:_LINE_CHARS_MAX], "rest": ""}
    rest = " ".join(f"{name}={value}" for name, value in told.items() if name not in _NAMED_APART)
    return {
        "unix_ms": line.unix_ms,
        "level": str(told.get("level", "")),
        "event": str(told["event"])[:_LINE_CHARS_MAX],
        "rest": rest[:_LINE_CHARS_MAX],
    }
