"""The web page's overview for a terminal: from its topics to what is drawn. Pure.

What matters most is on top: a line that is lost, then the kill switch, then money. A terminal that is too low gets
fewer rows of each table, and of the processes only those that are not well; a wide one gets the tables beside each
other, and the pools. Numbers are those of the page (`src/aggregator/page`), in its topics and under its names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from quote_core.running.status import ProcessState, ProcessView
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_MS, NS_PER_S
from solquote.formatting import age_text, percent_text, price_text, short_key, spread_text
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
_HEAD_ROWS: Final = 1
_CELL_GAP: Final = 2
_LAST_WIDTH_MIN: Final = 8
_SNAPSHOT_AGE_MS_MAX: Final = 10_000
"""The auditor tells its account every five seconds."""
_TEXT_CHARACTERS_MAX: Final = 500
_DECISIONS: Final = ("skip", "cautious", "verify", "execute")
_STYLES: Final = {
    "execute": "green",
    "cautious": "yellow",
    "skip": "red",
    "filled": "green",
    "missed": "yellow",
    "failed": "red",
}
_FIRST_OF_ALL: Final = ("hello", "pulse", "switch", "bus", "processes", "quotes", "pools")

Row = tuple[Text | str, ...]


@dataclass(frozen=True, slots=True)
class _Section:
    """One table: at most so many rows, of which a low terminal gets fewer."""

    head: str
    columns: tuple[str, ...]
    """Names; one that begins with `<` is justified to the left."""
    rows: Sequence[Row]
    none: str
    """What is said where there is no row."""

    def drawn(self, width: int, row_count_max: int) -> RenderableType:
        """The table, and how much of it is not shown."""
        hidden = len(self.rows) - row_count_max
        head = Text(self.head, style="bold", no_wrap=True, overflow="ellipsis")
        if hidden > 0:
            head.append(f"  ({hidden} more)", style="dim")
        if not self.rows:
            return Group(head, Text(f"  {self.none}", style="dim", no_wrap=True, overflow="ellipsis"))
        shown = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in self.rows[:row_count_max]]
        names = [name.removeprefix("<") for name in self.columns]
        widths = [
            max([len(name), *(row[at].cell_len for row in shown if at < len(row))]) for at, name in enumerate(names)
        ]
        rest = width - sum(widths[:-1]) - _CELL_GAP * (len(names) - 1)
        table = Table(box=None, pad_edge=False, header_style="dim")
        # Only the last column is ever cut, and left out where little of it would be left: Rich would cut all alike.
        for at, name in enumerate(names if rest >= min(widths[-1], _LAST_WIDTH_MIN) else names[:-1]):
            justify: Literal["left", "right"] = "left" if self.columns[at].startswith("<") else "right"
            is_last = at == len(names) - 1
            table.add_column(
                name, justify=justify, no_wrap=True, overflow="ellipsis", min_width=None if is_last else widths[at]
            )
        for row in shown:
            table.add_row(*row[: len(table.columns)])
        return Group(head, table)

    def height(self, row_count_max: int) -> int:
        """Lines that it takes."""
        return _HEAD_ROWS + (1 + min(len(self.rows), row_count_max) if self.rows else 1)


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
    quotes = _quotes(view, now_mono_ns)
    found, plans, endings = _opportunities(view), _plans(view), _endings(view)
    processes = _processes(view, now_mono_ns)
    unwell = [each for each in processes if each.state is not ProcessState.HEALTHY]
    room = None if height is None else height - head_height
    if width >= _BESIDE_FROM:
        half = (width - _GAP) // 2
        left = _fitted([quotes, _pools(view, now_mono_ns)], room, half, first=len(quotes.rows))
        shown = _fitting_processes(processes, unwell, None if room is None else room // 2, now_mono_ns, half)
        below = None if room is None else room - _height(shown)
        right = Group(*_drawn(shown), _fitted([found, plans, endings], below, half))
        beside = Table.grid(padding=(0, _GAP, 0, 0))
        beside.add_column(width=half)
        beside.add_column(width=half)
        beside.add_row(left, right)
        return Group(*heads, beside)
    lists_min = sum(each.height(_ROWS_MIN) for each in (found, plans))
    spare = None if room is None else max(0, room - quotes.height(len(quotes.rows)) - lists_min)
    shown = _fitting_processes(processes, unwell, spare, now_mono_ns, width)
    below = None if room is None else room - _height(shown)
    first = len(quotes.rows) if below is None else max(_ROWS_MIN, below - lists_min - _HEAD_ROWS - 1)
    # Pools are long: where there is a limit, their ages stand in the head of the quotes only.
    sections = [quotes, found, plans, endings] if height else [quotes, found, plans, endings, _pools(view, now_mono_ns)]
    return Group(*heads, *_drawn(shown), _fitted(sections, below, width, first=first))


def _fitted(sections: Sequence[_Section], room: int | None, width: int, *, first: int = _ROWS) -> RenderableType:
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


@dataclass(frozen=True, slots=True)
class _Processes:
    """The table of processes, or a sentence in its place."""

    shown: RenderableType
    height: int


def _fitting_processes(
    processes: Sequence[ProcessView], unwell: Sequence[ProcessView], room: int | None, now_mono_ns: int, width: int
) -> "_Processes | None":
    """All of them where there is room; else those that are not well."""
    listed = processes if room is None or len(processes) < room else unwell
    if not listed:
        return None
    table = process_table(listed, now_mono_ns=now_mono_ns, width=width, prefers_address=False)
    return _Processes(table, len(listed) + 1)


def _height(shown: _Processes | None) -> int:
    return 0 if shown is None else shown.height


def _drawn(shown: _Processes | None) -> list[RenderableType]:
    return [] if shown is None else [shown.shown]


def _lost(view: PageView, *, now_mono_ns: int, now_unix_ns: int) -> list[Text]:
    if not view.trouble:
        return []
    silent_ns = max(0, now_mono_ns - view.heard_mono_ns)
    heard = _clock((now_unix_ns - silent_ns) // NS_PER_MS)
    sentence = (
        f"!! LOST: {_text(view.trouble)}; shown is {heard} UTC, {age_text(silent_ns // NS_PER_MS)} ago; trying on"
    )
    return [Text(sentence, style="bold white on red", overflow="fold")]


def _switch(view: PageView) -> Text:
    """Loud unless trading is allowed, and that is known to be so now."""
    told = view.content("switch")
    state = _text(told.get("state", "UNKNOWN"))
    if view.trouble or state == "UNKNOWN":
        reason = "its last state was " + state if view.trouble else _text(told.get("reason", "not told yet"))
        return switch_banner(SwitchView(reason=reason))
    changed_ms = told.get("changedUnixMs")
    return switch_banner(
        SwitchView(
            state=state,
            reason=_text(told.get("reason", "")),
            actor=_text(told.get("actor", "")),
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
    fresh = sum(all(_is_fresh(pair.get(leg)) for leg in ("bid", "ask")) for pair in pairs)
    line.append(" | ").append(f"{fresh} of {len(pairs)} pairs fresh", style="" if fresh else "bold red")
    return line.append(f" | {_clock(view.content('pulse').get('unixMs'))} UTC")


def _profit(view: PageView) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append("P&L ", style="bold")
    bus = view.content("bus")
    if view.topics and not bus.get("isConnected"):
        return line.append(_text(bus.get("reason") or "the bus has told nothing yet"), style="bold red")
    account = view.content("profit").get("account")
    if account is None:
        return line.append("no trade yet", style="dim")
    line.append(f"{_sol(account['profitLamports'])} SOL", style=_tone(account["profitLamports"]))
    for text in (
        f"today {_sol(account['dayProfitLamports'])}",
        f"{account['filledCount']} filled",
        f"{account['missedCount']} missed",
        f"{account['failedCount']} failed",
        f"{account['refusedCount']} refused",
        f"drawdown max {account['maxDrawdownFraction']:.2%}",
        f"run {_text(account['runId'])}",
    ):
        line.append(f" | {text}")
    return line


def _processes(view: PageView, now_mono_ns: int) -> list[ProcessView]:
    """As the supervisor told them."""
    taken_mono_ns = now_mono_ns - view.age_ns("processes", now_mono_ns=now_mono_ns)
    views = []
    for told in view.content("processes").get("processes", ()):
        uptime_s = told.get("uptimeS")
        views.append(
            ProcessView(
                name=_text(told["process"]),
                state=ProcessState(told["state"]),
                address=_text(told["address"]),
                pid=told["pid"],
                status=_text(told["status"]),
                restart_count=told["restartCount"],
                started_mono_ns=None if uptime_s is None else taken_mono_ns - uptime_s * NS_PER_S,
            )
        )
    return views


def _quotes(view: PageView, now_mono_ns: int) -> _Section:
    """Those with the best spread first; pairs without a quote last."""
    content = view.content("quotes")
    since_ms = view.age_ns("quotes", now_mono_ns=now_mono_ns) // NS_PER_MS
    pairs = sorted(
        content.get("pairs", ()),
        key=lambda pair: (pair["spreadBps"] is None, pair["spreadBps"] or 0.0, not (pair["bid"] or {}).get("price")),
    )
    sizes, size = view.content("hello").get("sizes", ()), content.get("size")
    at = f" of {sizes[size]:g} SOL" if isinstance(size, int) and size < len(sizes) else ""
    return _Section(
        f"quotes{at}, best spread first; {_pools_in_short(view, now_mono_ns)}",
        ("<pair", "bid", "ask", "spread", "oracle", "confid.", "<decision", "age", "<through"),
        [_quote_row(pair, since_ms) for pair in pairs],
        "none yet",
    )


def _quote_row(pair: Mapping[str, Any], since_ms: int) -> Row:
    bid, ask = pair["bid"] or {}, pair["ask"] or {}
    legs = [leg for leg in (bid, ask) if leg.get("price")]
    if not legs:
        return tuple(Text(text, style="dim") for text in (_text(pair["pair"]), "no quote"))
    spread, weaker = pair["spreadBps"], min(legs, key=lambda leg: leg["confidence"])
    decision = min((leg["decision"] for leg in legs), key=_rank)
    is_stale = any(leg["isStale"] for leg in legs)
    off = None
    if pair["oraclePrice"] and len(legs) == 2:
        off = ((bid["price"] + ask["price"]) / 2 / pair["oraclePrice"] - 1) * 10_000
    age = age_text(max(leg["ageMs"] for leg in legs) + since_ms)
    through = "/".join(dict.fromkeys(_text(hop["protocol"]) for leg in legs for hop in leg["route"]))
    return (
        Text(_text(pair["pair"]), style="red" if is_stale else ""),
        price_text(bid["price"]) if bid.get("price") else "-",
        price_text(ask["price"]) if ask.get("price") else "-",
        Text(spread_text(spread).removesuffix(" bps"), style="bold green" if (spread or 0) < 0 else ""),
        "" if off is None else f"{off:+.1f}",
        f"{weaker['confidence']:.3f}",
        Text(decision, style=_STYLES.get(decision, "")),
        Text(age, style="red" if is_stale else ""),
        Text(through, style="dim"),
    )


def _rank(decision: str) -> int:
    return _DECISIONS.index(decision) if decision in _DECISIONS else -1


def _is_fresh(leg: Mapping[str, Any] | None) -> bool:
    return bool(leg and leg.get("price")) and not (leg or {}).get("isStale")


def _pools_in_short(view: PageView, now_mono_ns: int) -> str:
    """How old what quotes rest on is."""
    content = view.content("pools")
    pools = content.get("pools", ())
    if content.get("error") or not pools:
        return f"no pools: {_text(content.get('error') or 'none told yet')}"
    since_ms = view.age_ns("pools", now_mono_ns=now_mono_ns) // NS_PER_MS
    oldest_ms = max(pool["ageMs"] for pool in pools) + since_ms
    stale = sum(bool(pool["isStale"]) for pool in pools)
    return f"{len(pools)} pools, {stale} stale, oldest {age_text(oldest_ms)}"


def _pools(view: PageView, now_mono_ns: int) -> _Section:
    """The oldest first: what a quote rests on is as old as its pool."""
    content = view.content("pools")
    since_ms = view.age_ns("pools", now_mono_ns=now_mono_ns) // NS_PER_MS
    pools = sorted(content.get("pools", ()), key=lambda pool: -pool["ageMs"])
    rows: list[Row] = []
    for pool in pools:
        state = "refuses" if pool["refusal"] else _text(pool["provenance"])
        is_bad = bool(pool["isStale"] or pool["refusal"])
        rows.append(
            (
                Text(_text(pool["pair"]), style="red" if is_bad else ""),
                _text(pool["protocol"]),
                short_key(_text(pool["poolId"])),
                price_text(pool["price"]),
                percent_text(pool["feeFraction"]),
                Text(age_text(pool["ageMs"] + since_ms), style="red" if pool["isStale"] else ""),
                Text(state, style="red" if is_bad else "dim"),
            )
        )
    trouble = f": {_text(content['error'])}" if content.get("error") else ""
    columns = ("<pair", "<protocol", "<pool", "price", "fee", "age", "<state")
    return _Section(f"pools, oldest first{trouble}", columns, rows, "none yet")


def _opportunities(view: PageView) -> _Section:
    content = view.content("opportunities")
    rows: list[Row] = [
        (
            Text(_clock(each["unixMs"]), style="dim"),
            _pair(each["pair"]),
            _text(each["kind"]),
            f"{_amount(each['amount'])} {_text(each['token'])}",
            f"{each['grossBps']:+,}",
            "" if each["profitLamports"] is None else _sol(each["profitLamports"], places=4),
            f"{each['confidence']:.3f}",
        )
        for each in content.get("items", ())
    ]
    columns = ("<found", "<pair", "<kind", "size", "bps", "net SOL", "confid.")
    return _Section(f"opportunities, {content.get('total', 0):,} on the stream", columns, rows, "nothing found yet")


def _plans(view: PageView) -> _Section:
    content = view.content("plans")
    rows: list[Row] = []
    for each in content.get("plans", ()):
        outcome = _text(each["outcome"] or "open")
        rows.append(
            (
                Text(_clock(each["unixMs"]), style="dim"),
                _pair(each["pair"]),
                _amount(each["amountLamports"] / LAMPORTS_PER_SOL),
                _sol(each["profitLamports"], places=4),
                f"{each['confidence']:.3f}",
                f"{each['risk']:.2f}",
                Text(outcome, style=_STYLES.get(outcome, "dim")),
            )
        )
    columns = ("<planned", "<pair", "SOL", "net SOL", "confid.", "risk", "<outcome")
    return _Section("plans", columns, rows, "no plan yet")


def _endings(view: PageView) -> _Section:
    """Why there was no trade: by the planner since it began, and of the newest plans."""
    content = view.content("plans")
    rows: list[Row] = [
        (f"{each['count']:,}", f"{_text(each['reason']).replace('_', ' ')}", Text(whose, style="dim"))
        for whose, each in _by_count(
            ("planner", content.get("rejected", ())), ("executor", content.get("notFilled", ()))
        )
    ]
    return _Section("rejections", ("count", "<reason", "<by"), rows, "none")


def _by_count(*lists: tuple[str, Iterable[Mapping[str, Any]]]) -> list[tuple[str, Mapping[str, Any]]]:
    """All of them, the most frequent first."""
    every = [(whose, each) for whose, listed in lists for each in listed]
    return sorted(every, key=lambda one: -int(one[1]["count"]))


def _pair(name: str) -> str:
    """A subject's token has no slash."""
    return _text(name).replace("-", "/")


def _sol(lamports: int, *, places: int = 6) -> str:
    return f"{lamports / LAMPORTS_PER_SOL:+,.{places}f}"


def _amount(whole: float | None) -> str:
    return "" if whole is None else f"{whole:,.6g}"


def _tone(lamports: int) -> str:
    return "bold green" if lamports > 0 else "bold red" if lamports < 0 else ""


def _clock(unix_ms: int | None) -> str:
    return "--:--:--" if unix_ms is None else f"{datetime.fromtimestamp(unix_ms / 1_000, tz=UTC):%H:%M:%S}"


def _text(value: object) -> str:
    """What others wrote goes to a terminal: no control characters, and not endless."""
    return "".join(letter for letter in str(value) if letter.isprintable())[:_TEXT_CHARACTERS_MAX]
