"""`solquote watch`: the market as scanners see it, straight from shared memory."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from quote_core.clock import SYSTEM_CLOCK
from quote_core.settings import PlatformSettings
from quote_core.tokens import TokenRegistry, load_tokens
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_MS, amount_from_decimal
from shm import Liveness, QuoteReader, Role
from solquote.commands.options import DataDir, Json, found_environment
from solquote.exit_codes import ExitCode
from solquote.formatting import age_text, price_text, spread_text
from solquote.market_view import WatchRow, watch_rows
from solquote.output import CommandFailed, answer_json, make_console, redraws
from solquote.standard_streams import reader_is_gone

__all__ = ["watch"]

_REFRESH_S: Final = 0.5
_LINES_PER_ROW_S: Final = 20
_SOL_DECIMALS: Final = len(str(LAMPORTS_PER_SOL)) - 1


def watch(
    *,
    amount: Annotated[str, typer.Option(help="Whole base tokens to price; the nearest watched amount is shown")] = "1",
    once: Annotated[bool, typer.Option("--once", help="Print once and end")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="With --json or into a pipe: a line for each change, as it comes")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show every watched pair from shared memory, live until Ctrl-C; JSON and pipes get it once, unless they follow."""
    if once and follow:
        raise CommandFailed("USAGE", "--once and --follow are two things; ask for one", ExitCode.BAD_INPUT)
    platform = PlatformSettings.load(environ=found_environment(data_dir))
    registry = load_tokens(platform.tokens_path)
    lamports = amount_from_decimal(amount, _SOL_DECIMALS, field="--amount")
    console = make_console()
    with QuoteReader.open(platform.shm_dir) as reader:
        if reader.liveness(Role.INTERNAL) is Liveness.ABSENT:
            sentence = f"there are no quote files in {reader.directory}; `solquote up` makes them"
            raise CommandFailed("UNAVAILABLE", sentence, ExitCode.UNAVAILABLE)
        if follow and (as_json or not redraws(console)):
            _follow(reader, registry, lamports, as_json=as_json)
        elif as_json:
            answer_json(_as_json(reader, registry, lamports))
        elif once or not redraws(console):
            console.print(_table(_rows(reader, registry, lamports), _title(reader)))
        else:
            _live(reader, registry, lamports, console)


def _rows(reader: QuoteReader, registry: TokenRegistry, lamports: int) -> tuple[WatchRow, ...]:
    return watch_rows(reader, registry, base_amount_lamports=lamports, now_unix_ns=SYSTEM_CLOCK.unix_ns())


def _as_json(reader: QuoteReader, registry: TokenRegistry, lamports: int) -> dict[str, object]:
    return {
        "directory": str(reader.directory),
        "writers": _writers(reader),
        "pairs": [asdict(row) for row in _rows(reader, registry, lamports)],
    }


def _live(reader: QuoteReader, registry: TokenRegistry, lamports: int, console: Console) -> None:
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            live.update(_table(_rows(reader, registry, lamports), _title(reader)), refresh=True)
            time.sleep(_REFRESH_S)


def _follow(reader: QuoteReader, registry: TokenRegistry, lamports: int, *, as_json: bool) -> None:
    """A line for each row that says something else than its last line, and for each change of the writers.

    What changes faster than `_LINES_PER_ROW_S` is told with its newest values.
    """
    told_writers: dict[str, str] = {}
    told: dict[str, WatchRow] = {}
    while True:
        if reader_is_gone():
            raise BrokenPipeError
        writers = _writers(reader)
        if writers != told_writers:
            told_writers = writers
            _tell({"directory": str(reader.directory), "writers": writers}, _title(reader), as_json=as_json)
        for row in _rows(reader, registry, lamports):
            timeless = replace(row, age_ms=None)
            if told.get(row.pair) != timeless:
                told[row.pair] = timeless
                _tell(asdict(row), "  ".join(filter(None, _cells(row))), as_json=as_json)
        sys.stdout.flush()
        time.sleep(1 / _LINES_PER_ROW_S)
        reader.attach()  # a platform that was started again has other files
        reader.wait(_REFRESH_S)
        reader.poll()


def _tell(content: Mapping[str, object], text: str, *, as_json: bool) -> None:
    now_unix_ms = SYSTEM_CLOCK.unix_ns() // NS_PER_MS
    if as_json:
        answer_json({"unix_ms": now_unix_ms, **content})
    else:
        sys.stdout.write(f"{datetime.fromtimestamp(now_unix_ms / 1000, tz=UTC):%H:%M:%S.%f} {text}\n")


def _writers(reader: QuoteReader) -> dict[str, str]:
    return {role.name.lower(): reader.liveness(role).value for role in Role}


def _title(reader: QuoteReader) -> str:
    return f"{reader.directory}: {', '.join(f'{role} {state}' for role, state in _writers(reader).items())}"


def _table(rows: Sequence[WatchRow], title: str) -> Table:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="dim")
    table.add_column("pair", no_wrap=True)
    for column in ("sell at", "buy at", "spread", "age", "confidence"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("source", no_wrap=True)
    for row in rows:
        style = "red" if row.is_stale else ("bold green" if (row.spread_bps or 0) < 0 else None)
        table.add_row(*_cells(row), style="dim" if row.forward_price is None else style)
    return table


def _cells(row: WatchRow) -> tuple[str, ...]:
    if row.forward_price is None:
        return (row.pair, "no quote")
    return (
        row.pair,
        price_text(row.forward_price),
        price_text(row.reverse_price),
        spread_text(row.spread_bps),
        age_text(row.age_ms or 0),
        f"{row.confidence:.3f}",
        row.source + (" stale" if row.is_stale else ""),
    )
