"""How a running supervisor shows itself: a live table on a terminal, a line a change elsewhere, or JSON lines."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from quote_core.clock import Clock
from quote_core.json_dialect import json_text
from quote_core.running.status import ProcessState, ProcessView
from solquote.supervisor.log_shape import readable
from solquote.supervisor.specification import Watcher
from solquote.switch_view import SwitchView

__all__ = ["Display", "JsonLines", "LiveTable", "PlainLines", "process_table", "switch_banner"]

_STYLES: Final = {
    ProcessState.WAITING: "dim",
    ProcessState.STARTING: "yellow",
    ProcessState.HEALTHY: "green",
    ProcessState.UNHEALTHY: "bold red",
    ProcessState.BACKOFF: "bold red",
    ProcessState.STOPPING: "yellow",
    ProcessState.STOPPED: "dim",
}
_ROOM_FOR_ADDRESS: Final = 76
_ROOM_FOR_ALL: Final = 100
_GAP: Final = 2
_STATUS_WIDTH_MIN: Final = 8


def switch_banner(switch: SwitchView) -> Text:
    """What is above everything else: whether trading is stopped, by whom and why."""
    style = "dim" if switch.is_active else "yellow" if not switch.is_known else "bold white on red"
    sentence = switch.sentence if switch.is_active else switch.sentence.upper()[:1] + switch.sentence[1:]
    return Text(f"{'' if switch.is_active else '!! '}{sentence}", style=style, overflow="fold")


def process_table(views: Sequence[ProcessView], *, now_mono_ns: int, width: int, prefers_address: bool = True) -> Table:
    """One row a process; what matters least goes first when the terminal is narrow.

    Args:
        views: What is shown.
        now_mono_ns: By the clock of the views.
        width: Of the terminal.
        prefers_address: Where there is room either for the address or for pid, restarts and uptime.
    """
    is_wide = width >= _ROOM_FOR_ALL
    has_life, has_address = is_wide or not prefers_address, is_wide or (prefers_address and width >= _ROOM_FOR_ADDRESS)
    columns = ["process", "state"]
    columns += ["pid"] if has_life else []
    columns += ["address"] if has_address else []
    columns += ["restarts", "up"] if has_life else []
    rows = [_cells(view, now_mono_ns) for view in views]
    widths = {column: max([len(column), *(cells[column].cell_len for cells in rows)]) for column in columns}
    table = Table(box=None, pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in {"pid", "restarts", "up"} else "left"
        table.add_column(column, no_wrap=True, min_width=widths[column], justify=justify)
    table.add_column("status", no_wrap=True)
    status_width = max(_STATUS_WIDTH_MIN, width - sum(widths.values()) - _GAP * len(columns))
    for cells in rows:  # only the status line is ever cut: Rich would take from every column alike
        cells["status"].truncate(status_width, overflow="ellipsis")
        table.add_row(*(cells[column] for column in columns), cells["status"])
    return table


def _cells(view: ProcessView, now_mono_ns: int) -> dict[str, Text]:
    return {
        "process": Text(view.name),
        "state": Text(view.state.value, style=_STYLES[view.state]),
        "pid": Text(str(view.pid or "")),
        "address": Text(view.address),
        "restarts": Text(str(view.restart_count or ""), style="red"),
        "up": Text(_uptime(view, now_mono_ns)),
        "status": Text(view.status),
    }


def _uptime(view: ProcessView, now_mono_ns: int) -> str:
    if view.started_mono_ns is None:
        return ""
    seconds = max(0, now_mono_ns - view.started_mono_ns) // 1_000_000_000
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Display(Watcher, Protocol):
    """A watcher that people, or programs, read."""

    def switched(self, switch: SwitchView) -> None:
        """The kill switch is in another state, or it has become unknown which."""
        ...

    def refresh(self) -> None:
        """Called by a timer, for what is drawn over."""
        ...

    def close(self) -> None:
        """Nothing comes any more."""
        ...


class LiveTable:
    """A table that is drawn over, with sentences and logs scrolling above it."""

    def __init__(self, console: Console, names: Sequence[str], *, clock: Clock, show_logs: bool) -> None:
        self._console = console
        self._clock = clock
        self._show_logs = show_logs
        self._views: dict[str, ProcessView] = {}
        self._switch = SwitchView(state="ACTIVE")
        self._order = tuple(names)
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()

    def close(self) -> None:
        """Draw for the last time and leave the table standing."""
        self.refresh()
        self._live.stop()

    def refresh(self) -> None:
        """Draw the table as things are now."""
        views = [self._views[name] for name in self._order if name in self._views]
        shown: RenderableType = process_table(views, now_mono_ns=self._clock.mono_ns(), width=self._console.width)
        if not self._switch.is_active:
            shown = Group(switch_banner(self._switch), shown)
        self._live.update(shown, refresh=True)

    def switched(self, switch: SwitchView) -> None:
        """See `Display.switched`; above the table for as long as trading is stopped."""
        self._switch = switch

    def changed(self, view: ProcessView) -> None:
        """See `Watcher.changed`; shown with the next refresh."""
        self._views[view.name] = view

    def told(self, name: str, sentence: str) -> None:
        """See `Watcher.told`."""
        self._console.print(f"[bold]{escape(name)}[/]: {escape(sentence)}", soft_wrap=True)

    def logged(self, name: str, line: str) -> None:
        """See `Watcher.logged`."""
        if self._show_logs:
            self._console.print(Text.assemble((f"{name:>16}", "cyan"), " | ", *readable(line)), soft_wrap=True)


class PlainLines:
    """A line for every change of state, for logs and pipes."""

    def __init__(self, console: Console, *, clock: Clock, show_logs: bool) -> None:
        self._console = console
        self._clock = clock
        self._show_logs = show_logs
        self._states: dict[str, ProcessState] = {}

    def refresh(self) -> None:
        """Nothing is drawn over."""

    def close(self) -> None:
        """Nothing is held."""

    def changed(self, view: ProcessView) -> None:
        """See `Watcher.changed`; a new status line alone is not worth a line, nor is waiting."""
        if view.state is not ProcessState.WAITING and self._states.get(view.name) is not view.state:
            self._states[view.name] = view.state
            pid = f"pid {view.pid}" if view.pid else ""
            self._line(f"{view.name:<16} {view.state.value:<10} {pid:<12} {view.status}".rstrip())

    def switched(self, switch: SwitchView) -> None:
        """See `Display.switched`."""
        self._line(f"{'kill switch':<16} {switch.sentence}")

    def told(self, name: str, sentence: str) -> None:
        """See `Watcher.told`."""
        self._line(f"{name:<16} {sentence}")

    def logged(self, name: str, line: str) -> None:
        """See `Watcher.logged`."""
        if self._show_logs:
            self._line(f"{name:<16} | " + "".join(piece for piece, _ in readable(line)))

    def _line(self, text: str) -> None:
        moment = datetime.fromtimestamp(self._clock.unix_ns() / 1e9, tz=UTC)
        self._console.print(f"{moment:%H:%M:%S} {text}", markup=False, highlight=False, soft_wrap=True)


class JsonLines:
    """Every change, sentence and log line as one JSON object."""

    def __init__(self, console: Console, *, clock: Clock, show_logs: bool) -> None:
        self._console = console
        self._clock = clock
        self._show_logs = show_logs

    def refresh(self) -> None:
        """Nothing is drawn over."""

    def close(self) -> None:
        """Nothing is held."""

    def changed(self, view: ProcessView) -> None:
        """See `Watcher.changed`."""
        self._line(
            process=view.name,
            state=view.state.value,
            pid=view.pid,
            address=view.address,
            status=view.status,
            restart_count=view.restart_count,
        )

    def switched(self, switch: SwitchView) -> None:
        """See `Display.switched`."""
        self._line(kill_switch=switch.as_json())

    def told(self, name: str, sentence: str) -> None:
        """See `Watcher.told`."""
        self._line(process=name, message=sentence)

    def logged(self, name: str, line: str) -> None:
        """See `Watcher.logged`."""
        if self._show_logs:
            self._line(process=name, log=line)

    def _line(self, **fields: object) -> None:
        text = json_text({"unix_ms": self._clock.unix_ns() // 1_000_000, **fields})
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
