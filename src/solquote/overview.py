"""The web page's overview for a terminal: from its topics to what is drawn. Pure.

What matters most is on top: a line that is lost, then the kill switch, then how everything is, then money. A terminal
that is too low gets fewer rows of each table, and of the processes only those that are not well; a wide one gets the
tables beside each other, and the pools. Figures are those of the page (`src/aggregator/page`).
"""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from quote_core.running.status import ProcessState, ProcessView
from quote_core.units import NS_PER_MS
from solquote.formatting import age_text
from solquote.overview_tables import (
    Section,
    clock_text,
    is_fresh,
    opportunities_of,
    plans_of,
    pools_of,
    processes_of,
    quotes_of,
    rejections_of,
    said,
    sol_text,
)
from solquote.page_stream import PageView
from solquote.supervisor.display import process_table, switch_banner
from solquote.switch_view import SwitchView

__all__ = ["is_whole", "overview"]

_BESIDE_FROM: Final = 150
"""From so many columns on there are two columns of tables."""
_GAP: Final = 3
_ROWS: Final = 8
"""Of each list that has no end, where nothing else limits it."""
_ROWS_MIN: Final = 2
_SNAPSHOT_AGE_MS_MAX: Final = 10_000
"""The auditor tells its account every five seconds."""
_FIRST_OF_ALL: Final = ("hello", "pulse", "switch", "bus", "processes", "quotes", "pools")


def is_whole(view: PageView) -> bool:
    """Whether every topic has come, and is of now. While the page connects to the bus it says that there is none."""
    if not all(topic in view.topics for topic in _FIRST_OF_ALL) or not view.content("bus").get("isConnected"):
        return False
    curve = view.content("profit").get("curve") or [[0, 0]]  # it is read from an hour ago on
    return bool(curve[-1][0] >= view.content("pulse")["unixMs"] - _SNAPSHOT_AGE_MS_MAX)


def overview(
    view: PageView, *, now_mono_ns: int, now_unix_ns: int, width: int, height: int | None = None
) -> RenderableType:
    """One frame.

    Args:
        view: What has come.
        now_mono_ns: By the clock of the view, for ages.
        now_unix_ns: Wall clock, for the moment at which a lost line was last heard.
        width: Of the terminal.
        height: Of it; `None` = as much as there is.
    """
    heads = [*_lost(view, now_mono_ns=now_mono_ns, now_unix_ns=now_unix_ns), _switch(view)]
    heads += [_vitals(view), _profit(view)]
    head_height = sum(1 if head.no_wrap else -(-head.cell_len // width) for head in heads)
    room = None if height is None else height - head_height
    draw = _beside if width >= _BESIDE_FROM else _below
    return Group(*heads, *draw(view, now_mono_ns, width, room))


def _beside(view: PageView, now_mono_ns: int, width: int, room: int | None) -> list[RenderableType]:
    """Quotes and pools, and beside them what becomes of them."""
    half = (width - _GAP) // 2
    quotes = quotes_of(view, now_mono_ns)
    processes = _fitting(processes_of(view, now_mono_ns), None if room is None else room // 2)
    below = None if room is None else room - _height(processes)
    beside = Table.grid(padding=(0, _GAP, 0, 0))
    beside.add_column(width=half)
    beside.add_column(width=half)
    beside.add_row(
        _fitted([quotes, pools_of(view, now_mono_ns)], room, half, first=len(quotes.rows)),
        Group(
            *_drawn(processes, now_mono_ns, half),
            _fitted([opportunities_of(view), plans_of(view), rejections_of(view)], below, half),
        ),
    )
    return [beside]


def _below(view: PageView, now_mono_ns: int, width: int, room: int | None) -> list[RenderableType]:
    """All below each other: quotes first, then processes where there is room for them and some rows of each list."""
    quotes = quotes_of(view, now_mono_ns)
    lists = [opportunities_of(view), plans_of(view), rejections_of(view)]
    processes: Sequence[ProcessView]
    if room is None:  # pools are long: where there is a limit, their ages stand in the head of the quotes only
        processes, below, first = processes_of(view, now_mono_ns), None, len(quotes.rows)
        lists.append(pools_of(view, now_mono_ns))
    else:
        lists_height = sum(each.height(_ROWS_MIN) for each in lists[:2])
        spare = max(0, room - quotes.height(len(quotes.rows)) - lists_height)
        processes = _fitting(processes_of(view, now_mono_ns), spare)
        below = room - _height(processes)
        first = max(_ROWS_MIN, below - lists_height - quotes.height(0))
    return [*_drawn(processes, now_mono_ns, width), _fitted([quotes, *lists], below, width, first=first)]


def _fitting(processes: Sequence[ProcessView], room: int | None) -> Sequence[ProcessView]:
    """All of them where there is room; else those that are not well."""
    if room is None or len(processes) < room:
        return processes
    return [each for each in processes if each.state is not ProcessState.HEALTHY]


def _height(processes: Sequence[ProcessView]) -> int:
    return len(processes) + 1 if processes else 0


def _drawn(processes: Sequence[ProcessView], now_mono_ns: int, width: int) -> list[RenderableType]:
    if not processes:
        return []
    return [process_table(processes, now_mono_ns=now_mono_ns, width=width, prefers_address=False)]


def _fitted(sections: Sequence[Section], room: int | None, width: int, *, first: int = _ROWS) -> RenderableType:
    """Those that have room, each with as many rows as it can have; the first one comes first."""
    counts = [min(first, len(sections[0].rows)), *(min(_ROWS, len(each.rows)) for each in sections[1:])]
    if room is not None:
        kept = len(sections)
        while kept > 1 and sum(each.height(_ROWS_MIN) for each in sections[:kept]) > room:
            kept -= 1
        sections, counts = sections[:kept], counts[:kept]
        while sum(each.height(count) for each, count in zip(sections, counts, strict=True)) > room:
            largest = max(reversed(range(kept)), key=lambda at: counts[at] if at else min(counts[at], _ROWS_MIN))
            if counts[largest] <= _ROWS_MIN:
                largest = 0
            if counts[largest] <= 1:
                break
            counts[largest] -= 1
    return Group(*(each.drawn(width, count) for each, count in zip(sections, counts, strict=True)))


def _lost(view: PageView, *, now_mono_ns: int, now_unix_ns: int) -> list[Text]:
    if not view.trouble:
        return []
    silent_ns = max(0, now_mono_ns - view.heard_mono_ns)
    heard = clock_text((now_unix_ns - silent_ns) // NS_PER_MS)
    sentence = f"!! LOST: {said(view.trouble)}; shown is {heard} UTC, {age_text(silent_ns // NS_PER_MS)} ago; trying on"
    return [Text(sentence, style="bold white on red", overflow="fold")]


def _switch(view: PageView) -> Text:
    """Loud unless trading is allowed, and that is known to be so now."""
    told = view.content("switch")
    state = said(told.get("state", "UNKNOWN"))
    if view.trouble or state == "UNKNOWN":
        reason = "its last state was " + state if view.trouble else said(told.get("reason", "not told yet"))
        return switch_banner(SwitchView(reason=reason))
    changed_ms = told.get("changedUnixMs")
    return switch_banner(
        SwitchView(
            state=state,
            reason=said(told.get("reason", "")),
            actor=said(told.get("actor", "")),
            changed_unix_ns=int(changed_ms or 0) * NS_PER_MS,
        )
    )


def _vitals(view: PageView) -> Text:
    """How everything is, on one line."""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append("lost" if view.trouble else "live", style="bold red" if view.trouble else "green")
    if not view.topics:
        return line.append(" | nothing has come yet", style="dim")
    supervised = view.content("processes")
    states = [each.get("state") for each in supervised.get("processes", ())]
    healthy = states.count(ProcessState.HEALTHY.value)
    if supervised.get("isSupervised"):
        line.append(" | ").append(
            f"{healthy} of {len(states)} processes healthy",
            style="" if healthy == len(states) and not supervised.get("isOld") else "bold red",
        )
        if supervised.get("isOld"):
            line.append(" (their supervisor is silent)", style="bold red")
    else:
        line.append(" | no supervisor", style="dim")
    bus = view.content("bus")
    is_up = bool(bus.get("isConnected"))
    line.append(" | ").append("bus up" if is_up else "bus away", style="" if is_up else "bold red")
    pairs = view.content("quotes").get("pairs", ())
    fresh = sum(all(is_fresh(pair.get(leg)) for leg in ("bid", "ask")) for pair in pairs)
    line.append(" | ").append(f"{fresh} of {len(pairs)} pairs fresh", style="" if fresh else "bold red")
    return line.append(f" | {clock_text(view.content('pulse').get('unixMs'))} UTC")


def _profit(view: PageView) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append("P&L ", style="bold")
    bus = view.content("bus")
    if view.topics and not bus.get("isConnected"):
        return line.append(said(bus.get("reason") or "the bus has told nothing yet"), style="bold red")
    account = view.content("profit").get("account")
    if account is None:
        return line.append("no trade yet", style="dim")
    line.append(f"{sol_text(account['profitLamports'])} SOL", style=_tone(account["profitLamports"]))
    for text in (
        f"today {sol_text(account['dayProfitLamports'])}",
        f"{account['filledCount']} filled",
        f"{account['missedCount']} missed",
        f"{account['failedCount']} failed",
        f"{account['refusedCount']} refused",
        f"drawdown max {account['maxDrawdownFraction']:.2%}",
        f"run {said(account['runId'])}",
    ):
        line.append(f" | {text}")
    return line


def _tone(lamports: int) -> str:
    return "bold green" if lamports > 0 else "bold red" if lamports < 0 else ""
