"""The tables of the overview, from the topics of the page: numbers as text, in their order. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from quote_core.running.status import ProcessState, ProcessView
from quote_core.units import BPS, LAMPORTS_PER_SOL, NS_PER_MS, NS_PER_S
from solquote.formatting import age_text, percent_text, price_text, short_key, spread_text
from solquote.page_stream import PageView

__all__ = [
    "Section",
    "clock_text",
    "is_fresh",
    "opportunities_of",
    "plans_of",
    "pools_of",
    "processes_of",
    "quotes_of",
    "rejections_of",
    "said",
    "sol_text",
]

_HEAD_ROWS: Final = 1
_CELL_GAP: Final = 2
_LAST_WIDTH_MIN: Final = 8
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

Row = tuple[Text | str, ...]


@dataclass(frozen=True, slots=True)
class Section:
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


def processes_of(view: PageView, now_mono_ns: int) -> list[ProcessView]:
    """As the supervisor told them."""
    taken_mono_ns = now_mono_ns - view.age_ns("processes", now_mono_ns=now_mono_ns)
    views = []
    for told in view.content("processes").get("processes", ()):
        uptime_s = told.get("uptimeS")
        views.append(
            ProcessView(
                name=said(told["process"]),
                state=ProcessState(told["state"]),
                address=said(told["address"]),
                pid=told["pid"],
                status=said(told["status"]),
                restart_count=told["restartCount"],
                started_mono_ns=None if uptime_s is None else taken_mono_ns - uptime_s * NS_PER_S,
            )
        )
    return views


def quotes_of(view: PageView, now_mono_ns: int) -> Section:
    """Those with the best spread first; pairs without a quote last."""
    content = view.content("quotes")
    since_ms = view.age_ns("quotes", now_mono_ns=now_mono_ns) // NS_PER_MS
    pairs = sorted(
        content.get("pairs", ()),
        key=lambda pair: (pair["spreadBps"] is None, pair["spreadBps"] or 0.0, not (pair["bid"] or {}).get("price")),
    )
    sizes, size = view.content("hello").get("sizes", ()), content.get("size")
    at = f" of {sizes[size]:g} SOL" if isinstance(size, int) and size < len(sizes) else ""
    return Section(
        f"quotes{at}, best spread first; {_pools_in_short(view, now_mono_ns)}",
        ("<pair", "bid", "ask", "spread", "oracle", "confid.", "<decision", "age", "<through"),
        [_quote_row(pair, since_ms) for pair in pairs],
        "none yet",
    )


def _quote_row(pair: Mapping[str, Any], since_ms: int) -> Row:
    bid, ask = pair["bid"] or {}, pair["ask"] or {}
    legs = [leg for leg in (bid, ask) if leg.get("price")]
    if not legs:
        return tuple(Text(text, style="dim") for text in (said(pair["pair"]), "no quote"))
    spread, weaker = pair["spreadBps"], min(legs, key=lambda leg: leg["confidence"])
    decision = min((leg["decision"] for leg in legs), key=_rank)
    is_stale = any(leg["isStale"] for leg in legs)
    off = None
    if pair["oraclePrice"] and len(legs) == 2:
        off = ((bid["price"] + ask["price"]) / 2 / pair["oraclePrice"] - 1) * BPS
    age = age_text(max(leg["ageMs"] for leg in legs) + since_ms)
    through = "/".join(dict.fromkeys(said(hop["protocol"]) for leg in legs for hop in leg["route"]))
    return (
        Text(said(pair["pair"]), style="red" if is_stale else ""),
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


def is_fresh(leg: Mapping[str, Any] | None) -> bool:
    """Whether a direction has a quote that is not stale."""
    return bool(leg and leg.get("price")) and not (leg or {}).get("isStale")


def _pools_in_short(view: PageView, now_mono_ns: int) -> str:
    """How old what quotes rest on is."""
    content = view.content("pools")
    pools = content.get("pools", ())
    if content.get("error") or not pools:
        return f"no pools: {said(content.get('error') or 'none told yet')}"
    since_ms = view.age_ns("pools", now_mono_ns=now_mono_ns) // NS_PER_MS
    oldest_ms = max(pool["ageMs"] for pool in pools) + since_ms
    stale = sum(bool(pool["isStale"]) for pool in pools)
    return f"{len(pools)} pools, {stale} stale, oldest {age_text(oldest_ms)}"


def pools_of(view: PageView, now_mono_ns: int) -> Section:
    """The oldest first: what a quote rests on is as old as its pool."""
    content = view.content("pools")
    since_ms = view.age_ns("pools", now_mono_ns=now_mono_ns) // NS_PER_MS
    pools = sorted(content.get("pools", ()), key=lambda pool: -pool["ageMs"])
    rows: list[Row] = []
    for pool in pools:
        state = "refuses" if pool["refusal"] else said(pool["provenance"])
        is_bad = bool(pool["isStale"] or pool["refusal"])
        rows.append(
            (
                Text(said(pool["pair"]), style="red" if is_bad else ""),
                said(pool["protocol"]),
                short_key(said(pool["poolId"])),
                price_text(pool["price"]),
                percent_text(pool["feeFraction"]),
                Text(age_text(pool["ageMs"] + since_ms), style="red" if pool["isStale"] else ""),
                Text(state, style="red" if is_bad else "dim"),
            )
        )
    trouble = f": {said(content['error'])}" if content.get("error") else ""
    columns = ("<pair", "<protocol", "<pool", "price", "fee", "age", "<state")
    return Section(f"pools, oldest first{trouble}", columns, rows, "none yet")


def opportunities_of(view: PageView) -> Section:
    """What the scanner found, newest first."""
    content = view.content("opportunities")
    rows: list[Row] = [
        (
            Text(clock_text(each["unixMs"]), style="dim"),
            _pair(each["pair"]),
            said(each["kind"]),
            f"{_amount(each['amount'])} {said(each['token'])}",
            f"{each['grossBps']:+,}",
            "" if each["profitLamports"] is None else sol_text(each["profitLamports"], places=4),
            f"{each['confidence']:.3f}",
        )
        for each in content.get("items", ())
    ]
    columns = ("<found", "<pair", "<kind", "size", "bps", "net SOL", "confid.")
    return Section(f"opportunities, {content.get('total', 0):,} on the stream", columns, rows, "nothing found yet")


def plans_of(view: PageView) -> Section:
    """The newest plans, and how they ended."""
    content = view.content("plans")
    rows: list[Row] = []
    for each in content.get("plans", ()):
        outcome = said(each["outcome"] or "open")
        rows.append(
            (
                Text(clock_text(each["unixMs"]), style="dim"),
                _pair(each["pair"]),
                _amount(each["amountLamports"] / LAMPORTS_PER_SOL),
                sol_text(each["profitLamports"], places=4),
                f"{each['confidence']:.3f}",
                f"{each['risk']:.2f}",
                Text(outcome, style=_STYLES.get(outcome, "dim")),
            )
        )
    columns = ("<planned", "<pair", "SOL", "net SOL", "confid.", "risk", "<outcome")
    return Section("plans", columns, rows, "no plan yet")


def rejections_of(view: PageView) -> Section:
    """Why there was no trade: by the planner since it began, and of the newest plans."""
    content = view.content("plans")
    rows: list[Row] = [
        (f"{each['count']:,}", f"{said(each['reason']).replace('_', ' ')}", Text(whose, style="dim"))
        for whose, each in _by_count(
            ("planner", content.get("rejected", ())), ("executor", content.get("notFilled", ()))
        )
    ]
    return Section("rejections", ("count", "<reason", "<by"), rows, "none")


def _by_count(*lists: tuple[str, Iterable[Mapping[str, Any]]]) -> list[tuple[str, Mapping[str, Any]]]:
    """All of them, the most frequent first."""
    every = [(whose, each) for whose, listed in lists for each in listed]
    return sorted(every, key=lambda one: -int(one[1]["count"]))


def _pair(name: str) -> str:
    """A subject's token has no slash."""
    return said(name).replace("-", "/")


def sol_text(lamports: int, *, places: int = 6) -> str:
    """Lamports as SOL, with their sign."""
    return f"{lamports / LAMPORTS_PER_SOL:+,.{places}f}"


def _amount(whole: float | None) -> str:
    return "" if whole is None else f"{whole:,.6g}"


def clock_text(unix_ms: int | None) -> str:
    """Time of day, UTC."""
    return "--:--:--" if unix_ms is None else f"{datetime.fromtimestamp(unix_ms / 1_000, tz=UTC):%H:%M:%S}"


def said(value: object) -> str:
    """What others wrote goes to a terminal: no control characters, and not endless."""
    return "".join(letter for letter in str(value) if letter.isprintable())[:_TEXT_CHARACTERS_MAX]
