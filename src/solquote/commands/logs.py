"""`solquote logs`: what the processes of the platform have written, and write, in one stream; how much they write."""

import contextlib
import enum
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from quote_core.errors import InvalidField
from quote_core.json_dialect import json_text
from quote_core.running.data_folder import running_platform
from quote_core.running.log_files import LOG_FOLDER, LogFollower, LogLine, last_lines, log_names, merged
from quote_core.running.log_levels import set_levels
from quote_core.setting_names import unknown_names
from quote_core.settings import PlatformSettings
from solquote.commands.options import DataDir, Json, found_environment
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed, make_console
from solquote.processes import NATS, SERVICES
from solquote.supervisor.log_shape import readable

__all__ = ["logs"]


class LogLevel(enum.StrEnum):
    """Least level logged; `DEFAULT` is that of the settings."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    DEFAULT = "default"


_LOOK_EVERY_S: Final = 0.25
_LINES_MAX: Final = 1_000_000


def logs(
    processes: Annotated[list[str] | None, typer.Argument(metavar="[PROCESS]...", help="Only of these")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C")] = False,
    level: Annotated[
        LogLevel | None,
        typer.Option("--level", help="Have them log at this level from now on; shows nothing without -f"),
    ] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the newest", min=0, max=_LINES_MAX)] = 100,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show the newest lines of the processes' logs, by time; `--follow` outlasts restarts and full files."""
    data_folder = PlatformSettings.load(environ=found_environment(data_dir)).data_folder()
    folder = data_folder / LOG_FOLDER
    wanted = _wanted(folder, processes or ())
    if level is not None:
        _set_level(data_folder, processes or (), level, as_json=as_json)
        if not follow:
            return
    printer = _Printer(make_console(), is_prefixed=len(wanted) > 1 or not processes, as_json=as_json)
    if not follow:
        if lines:
            printer.show(merged(last_lines(folder, name, lines) for name in wanted)[-lines:])
        return
    with contextlib.ExitStack() as open_files:
        followers: dict[str, LogFollower] = {}

        def add(name: str) -> None:
            followers[name] = LogFollower(folder, name)
            open_files.callback(followers[name].close)

        for name in wanted:
            add(name)
        newest = merged(follower.begin(lines) for follower in followers.values())
        printer.show(newest[max(0, len(newest) - lines) :])
        while True:
            time.sleep(_LOOK_EVERY_S)
            for name in log_names(folder):
                if not processes and name not in followers:
                    add(name)
            printer.show(merged(follower.more() for follower in followers.values()))


def _set_level(data_folder: Path, named: Sequence[str], level: LogLevel, *, as_json: bool) -> None:
    """Tell the running platform.

    Raises:
        CommandFailed: None runs, or a process that is named has no level of ours.
    """
    if running_platform(data_folder) is None:
        sentence = f"no platform runs with {data_folder}; its next start is at SOLQUOTE_LOG_LEVEL"
        raise CommandFailed("UNAVAILABLE", sentence, ExitCode.UNAVAILABLE)
    if NATS in named:
        raise InvalidField("PROCESS", f"{NATS} is not ours: it writes at its own level")
    names = list(dict.fromkeys(named)) or [service.name for service in SERVICES]
    set_levels(data_folder, names, None if level is LogLevel.DEFAULT else level.value)
    if as_json:
        sys.stdout.write(json_text({"processes": names, "level": level.value}) + "\n")
    else:
        whose = ", ".join(named) or "every process"
        what = "the level of its settings" if level is LogLevel.DEFAULT else level.value
        sys.stdout.write(f"{whose}: {what} within a second, until `solquote logs --level default` or the next start\n")


def _wanted(folder: Path, named: Sequence[str]) -> list[str]:
    """Whose logs are shown.

    Raises:
        InvalidField: One that is named is no process.
        CommandFailed: There are no logs.
    """
    there = log_names(folder)
    known = {NATS, *(service.name for service in SERVICES), *there}
    for mistake in unknown_names(named, known):
        raise InvalidField("PROCESS", mistake.replace("no such setting", "no such process"))
    if not there:
        sentence = f"there are no logs in {folder}; `solquote up` writes them"
        raise CommandFailed("UNAVAILABLE", sentence, ExitCode.UNAVAILABLE)
    return list(dict.fromkeys(named)) or there


class _Printer:
    """Lines as they are for programs; on a terminal made readable."""

    def __init__(self, console: Console, *, is_prefixed: bool, as_json: bool) -> None:
        self._console = console
        self._is_prefixed = is_prefixed
        self._as_json = as_json

    def show(self, lines: Iterable[LogLine]) -> None:
        """Print them, and let whoever reads have them at once."""
        for line in lines:
            if self._as_json:
                content = {"process": line.process, "unix_ms": line.unix_ms or None, "line": line.text}
                sys.stdout.write(json_text(content) + "\n")
            elif self._console.is_terminal:
                self._console.print(self._readable(line), soft_wrap=True)
            else:
                sys.stdout.write(f"{self._prefix(line)}{line.text}\n")
        sys.stdout.flush()

    def _prefix(self, line: LogLine) -> str:
        return f"{line.process:<16} | " if self._is_prefixed else ""

    def _readable(self, line: LogLine) -> Text:
        moment = datetime.fromtimestamp(line.unix_ms / 1_000, UTC)
        return Text.assemble((self._prefix(line), "cyan"), (f"{moment:%H:%M:%S} ", "dim"), *readable(line.text))
