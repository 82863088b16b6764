"""`solquote pnl`: profit and loss, computed anew from the results on the EXECUTED stream."""

import asyncio
import collections
import sys
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from pipeline.auditor import Ledger, export_csv, read_results
from quote_core.bus import BusRole, access_of, connect
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import DeadlinePassed
from quote_core.events import ExecutionResult
from quote_core.settings import PlatformSettings
from quote_core.telemetry.logs import redacted_url
from quote_core.units import LAMPORTS_PER_SOL
from solquote.commands.options import DataDir, Json, Timeout, found_environment
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed, answer_json, make_console, with_status

__all__ = ["pnl"]


def pnl(
    *,
    last: Annotated[int, typer.Option(help="How many of the newest results to list", min=0, max=10_000)] = 10,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every result as CSV instead")] = False,
    timeout: Timeout = 30.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show profit and loss, and the newest results."""
    if as_csv and as_json:
        raise CommandFailed("USAGE", "--csv and --json are two answers; ask for one", ExitCode.BAD_INPUT)
    platform = PlatformSettings.load(environ=found_environment(data_dir))
    try:
        ledger, newest = asyncio.run(_read(platform, last, as_csv=as_csv, timeout_s=timeout))
    except TimeoutError:
        raise DeadlinePassed(f"NATS at {redacted_url(platform.nats_url)}", round(timeout * 1000)) from None
    if as_json:
        answer_json({"summary": _summary(ledger), "results": [_result_json(result) for result in newest]})
    elif not as_csv:
        _print(ledger, newest, make_console())


async def _read(
    platform: PlatformSettings, last: int, *, as_csv: bool, timeout_s: float
) -> tuple[Ledger, list[ExecutionResult]]:
    """Read the whole stream once, keeping the newest `last` results; CSV is written meanwhile."""
    newest: collections.deque[ExecutionResult] = collections.deque(maxlen=last)
    ledger = Ledger(capital_lamports=platform.trading_capital_lamports)
    async with asyncio.timeout(timeout_s):
        await _look_for_server(platform.nats_url)
        async with connect(platform.nats_url, name="solquote pnl", access=access_of(platform, BusRole.OPERATOR)) as bus:
            if as_csv:
                await export_csv(read_results(bus), sys.stdout)
            else:
                async for result in read_results(bus):
                    ledger.add(result)
                    newest.append(result)
    return ledger, list(newest)


async def _look_for_server(url: str) -> None:
    """Tell at once that nobody is there; services wait for the bus, a person does not."""
    parts = urlsplit(url)
    try:
        _, writer = await asyncio.open_connection(parts.hostname, parts.port or 4222)
    except OSError as error:
        sentence = f"NATS at {redacted_url(url)} cannot be reached; `solquote up` starts it"
        raise with_status("UNAVAILABLE", sentence) from error
    writer.close()


def _summary(ledger: Ledger) -> dict[str, float]:
    return {
        "trade_count": ledger.trade_count,
        "filled_count": ledger.filled_count,
        "failed_count": ledger.failed_count,
        "refused_count": ledger.refused_count,
        "win_rate": ledger.win_rate,
        "cumulative_profit_lamports": ledger.cumulative_profit_lamports,
        "day_profit_lamports": ledger.day_profit_lamports(SYSTEM_CLOCK.unix_ns()),
        "filled_profit_lamports": ledger.filled_profit_lamports,
        "expected_profit_lamports": ledger.expected_profit_lamports,
        "average_profit_lamports": ledger.average_profit_lamports,
        "network_fee_per_trade_lamports": ledger.network_fee_per_trade_lamports,
        "tip_per_trade_lamports": ledger.tip_per_trade_lamports,
        "sharpe_ratio": ledger.sharpe_ratio,
        "max_drawdown_lamports": ledger.max_drawdown_lamports,
        "max_drawdown_fraction": ledger.max_drawdown_fraction,
    }


def _result_json(result: ExecutionResult) -> dict[str, object]:
    return {
        "finished_unix_ns": result.finished_unix_ns,
        "pair": result.pair,
        "outcome": result.outcome.name,
        "mode": result.mode.name,
        "reason": result.reason,
        "amount_in_lamports": result.amount_in,
        "expected_profit_lamports": result.expected_profit_lamports,
        "profit_lamports": result.profit_lamports,
        "plan_id": result.plan_id.hex(),
    }


def _print(ledger: Ledger, newest: list[ExecutionResult], console: Console) -> None:
    console.print(
        f"[bold]{_sol(ledger.cumulative_profit_lamports)} SOL[/] over {ledger.trade_count} trades: "
        f"{ledger.filled_count} filled, {ledger.failed_count} failed, {ledger.refused_count} refused, "
        f"{ledger.win_rate:.0%} won",
        highlight=False,
        soft_wrap=True,
    )
    summary = Table(box=None, pad_edge=False, show_header=False)
    summary.add_column()
    summary.add_column(justify="right")
    for name, text in (
        ("profit today (UTC)", f"{_sol(ledger.day_profit_lamports(SYSTEM_CLOCK.unix_ns()))} SOL"),
        ("average profit a fill", f"{_sol(round(ledger.average_profit_lamports))} SOL"),
        ("fills: expected", f"{_sol(ledger.expected_profit_lamports)} SOL"),
        ("fills: actual", f"{_sol(ledger.filled_profit_lamports)} SOL"),
        ("network fee a trade", f"{ledger.network_fee_per_trade_lamports:,.0f} lamports"),
        ("tip a trade", f"{ledger.tip_per_trade_lamports:,.0f} lamports"),
        ("Sharpe ratio, per fill", f"{ledger.sharpe_ratio:.2f}"),
        ("largest drawdown", f"{ledger.max_drawdown_fraction:.2%} of capital"),
    ):
        summary.add_row(name, text)
    console.print(summary)
    if newest:
        console.print(_results(newest))


def _results(newest: list[ExecutionResult]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("finished", "pair", "outcome"):
        table.add_column(column, no_wrap=True)
    for column in ("amount SOL", "expected SOL", "profit SOL"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("reason")
    for result in reversed(newest):
        finished = datetime.fromtimestamp(result.finished_unix_ns / 1e9, tz=UTC)
        table.add_row(
            f"{finished:%H:%M:%S}",
            result.pair,
            f"{result.outcome.name.lower()} ({result.mode.name.lower()})",
            f"{result.amount_in / LAMPORTS_PER_SOL:,.3f}",
            _sol(result.expected_profit_lamports),
            _sol(result.profit_lamports),
            result.reason,
        )
    return table


def _sol(lamports: int) -> str:
    return f"{lamports / LAMPORTS_PER_SOL:+,.6f}"
