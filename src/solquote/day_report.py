"""A day's report, as the auditor has written it, or else made now of what EXECUTED keeps; and as a text for people."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.auditor.daily import day_text
from pipeline.auditor.reports import FOLDER, report_path
from quote_core.json_dialect import json_text
from quote_core.settings import PlatformSettings
from quote_core.units import LAMPORTS_PER_SOL
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed

__all__ = ["day_report", "print_report"]


def day_report(platform: PlatformSettings, day: int, *, timeout_s: float) -> dict[str, Any]:
    """The report, in the form of our JSON, with `isPublished`.

    Args:
        platform: Whose.
        day: Counted from 1970.
        timeout_s: Longest wait for the bus, which is asked only when there is no file.

    Raises:
        CommandFailed: NATS cannot be reached, or the file is damaged.
        TimeoutError: NATS took too long.
        OSError: The file cannot be read.
    """
    path = report_path(platform.data_folder() / FOLDER, day)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        from solquote.account_reading import read_day  # noqa: PLC0415  # NATS is loaded where a report is missing

        computed: dict[str, Any] = json.loads(json_text(read_day(platform, day, timeout_s=timeout_s)))
        return {**computed, "isPublished": False}
    try:
        told = json.loads(content)
        if told["day"] != day_text(day) or not isinstance(told["runs"], list):
            raise ValueError("it is of another day")
    except (ValueError, KeyError, TypeError) as error:
        raise CommandFailed("DATA_LOSS", f"{path} is damaged: {error}", ExitCode.BAD_DATA) from None
    return {**told, "isPublished": True}


def print_report(report: dict[str, Any], console: Console) -> None:
    """For people: one account a run, with a line a pair."""
    whence = "as the auditor published it" if report["isPublished"] else "not published; of what EXECUTED keeps now"
    console.print(f"[bold]{report['day']}[/] (UTC), {whence}", highlight=False)
    if not report["runs"]:
        console.print("no result on this day")
    for run in report["runs"]:
        console.print(_run_table(run))
        console.print(_usd_text(run["usd"]), highlight=False)


def _run_table(run: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, title=f"run {run['runId'] or 'without a name'}", title_justify="left")
    table.add_column("", no_wrap=True)
    for column in ("profit, SOL", "expected", "costs", "trades", "filled", "won", "Sharpe", "Sortino", "drawdown"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, figures in (("all", run["summary"]), *((pair["pair"], pair) for pair in run["pairs"])):
        table.add_row(
            name,
            _sol(figures["cumulativeProfitLamports"]),
            _sol(figures["expectedProfitLamports"]),
            _sol(-figures["costLamports"]),
            f"{figures['tradeCount']:,}",
            f"{figures['filledCount']:,}",
            f"{figures['winRate']:.0%}",
            f"{figures['sharpeRatio']:.2f}",
            f"{figures['sortinoRatio']:.2f}",
            f"{figures['maxDrawdownFraction']:.2%}",
        )
    return table


def _usd_text(usd: dict[str, int]) -> str:
    known = f"{usd['profitMicroUsd'] / 1e6:+,.2f} USD of {usd['pricedTradeCount']} trades that record a price"
    if not usd["unpricedTradeCount"]:
        return known
    unknown = f"{_sol(usd['unpricedProfitLamports'])} SOL of {usd['unpricedTradeCount']}"
    return f"{known}; {unknown} others: worth in USD not known"


def _sol(lamports: int) -> str:
    return f"{lamports / LAMPORTS_PER_SOL:+,.6f}"
