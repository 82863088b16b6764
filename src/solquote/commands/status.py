"""`solquote status`: the processes of the running platform and its kill switch, from any terminal."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from quote_core.clock import SYSTEM_CLOCK
from quote_core.running.status import PlatformStatus, ProcessState, ProcessView, read_status
from quote_core.settings import PlatformSettings
from quote_core.units import NS_PER_MS
from solquote.commands.options import DataDir, Json, Timeout, found_environment
from solquote.exit_codes import ExitCode
from solquote.formatting import age_text
from solquote.manager_request import find_manager
from solquote.metrics_places import metrics_urls
from solquote.output import CommandFailed, answer_json, make_console, redraws
from solquote.supervisor.display import process_table, switch_banner
from solquote.switch_view import SwitchView, look_at_switch

__all__ = ["status"]

_LOOK_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What was found at one moment; `platform` is `None` when none runs."""

    folder: Path
    platform: PlatformStatus | None
    switch: SwitchView
    metrics: Mapping[str, str]
    """By process, where its metrics are."""
    now_mono_ns: int

    @property
    def is_well(self) -> bool:
        """Whether all processes are healthy, and that is how things are now."""
        if self.platform is None or self.platform.is_old or not self.platform.views:
            return False
        return all(view.state is ProcessState.HEALTHY for view in self.platform.views)


def status(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C")] = False,
    timeout: Timeout = 2.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> int:
    """Show every process of the running platform and the kill switch; exit 1 unless all are healthy, 3 if none runs."""
    look = _look(data_dir, timeout)
    if look.platform is None:
        raise CommandFailed("UNAVAILABLE", _nobody(look.folder), ExitCode.UNAVAILABLE)
    console = make_console()
    if not follow:
        if as_json:
            answer_json(_as_json(look))
        else:
            console.print(_shown(look, console))
        return ExitCode.OK if look.is_well else ExitCode.NEGATIVE
    looks = _looks(look, lambda: _look(data_dir, timeout))
    if as_json:
        for look in looks:
            answer_json(_as_json(look))
    elif redraws(console):
        with Live(console=console, auto_refresh=False) as live:
            for look in looks:
                live.update(_shown(look, console), refresh=True)
    else:
        _print_changes(looks, console)
    return ExitCode.OK


def _look(data_dir: Path | None, timeout_s: float) -> _Look:
    environ = found_environment(data_dir)
    folder = PlatformSettings.load(environ=environ).data_folder()
    platform = read_status(folder, clock=SYSTEM_CLOCK)
    # Nobody's manager is asked when no platform runs: another data folder's may listen at the default address.
    switch = look_at_switch(find_manager(environ), timeout_s=timeout_s) if platform else SwitchView()
    metrics = metrics_urls(environ) if platform else {}
    return _Look(folder=folder, platform=platform, switch=switch, metrics=metrics, now_mono_ns=SYSTEM_CLOCK.mono_ns())


def _looks(first: _Look, look: Callable[[], _Look]) -> Iterator[_Look]:
    yield first
    while True:
        time.sleep(_LOOK_EVERY_S)
        yield look()


def _nobody(folder: Path) -> str:
    return f"no platform runs with the data folder {folder}; `solquote up` starts one, --data-dir names another folder"


def _as_json(look: _Look) -> dict[str, object]:
    platform = look.platform
    if platform is None:
        return {"data_dir": str(look.folder), "is_running": False, "processes": []}
    return {
        "data_dir": str(look.folder),
        "is_running": True,
        "pid": platform.pid,
        "kill_switch": look.switch.as_json(),
        "is_healthy": look.is_well,
        "is_old": platform.is_old,
        "age_ms": platform.age_ns // NS_PER_MS if platform.views else None,
        "processes": [_process(view, look) for view in platform.views],
    }


def _process(view: ProcessView, look: _Look) -> dict[str, object]:
    started = view.started_mono_ns
    return {
        "process": view.name,
        "state": view.state.value,
        "pid": view.pid,
        "restart_count": view.restart_count,
        "uptime_ms": None if started is None else max(0, look.now_mono_ns - started) // NS_PER_MS,
        "address": view.address,
        "metrics": look.metrics.get(view.name),
        "status": view.status,
    }


def _shown(look: _Look, console: Console) -> RenderableType:
    if look.platform is None:
        return Text(_nobody(look.folder), style="bold red")
    parts: list[RenderableType] = [switch_banner(look.switch)]
    if look.platform.is_old:
        parts.append(Text(_old(look.platform), style="bold red"))
    parts.append(
        process_table(look.platform.views, now_mono_ns=look.now_mono_ns, width=console.width, prefers_address=False)
    )
    return Group(*parts)


def _old(platform: PlatformStatus) -> str:
    if not platform.views:
        return f"the supervisor, process {platform.pid}, has not written what it runs yet, or cannot"
    age = age_text(platform.age_ns // NS_PER_MS)
    return f"as of {age} ago: the supervisor, process {platform.pid}, stands still or cannot write it down"


def _print_changes(looks: Iterator[_Look], console: Console) -> None:
    """Into a pipe: everything once, and again whenever a state, a pid or the switch is another."""
    shown: object = None
    for look in looks:
        views = look.platform.views if look.platform else ()
        is_old = look.platform is None or look.platform.is_old
        now = ([(view.name, view.state, view.pid) for view in views], is_old, look.switch.state, look.switch.revision)
        if now != shown:
            shown = now
            console.print(_shown(look, console))
