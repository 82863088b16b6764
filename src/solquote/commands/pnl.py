"""`solquote pnl`: profit and loss of one run, computed anew from the results on the EXECUTED stream."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from quote_core.addresses import redacted_url
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import DeadlinePassed
from quote_core.settings import PlatformSettings
from quote_core.units import LAMPORTS_PER_SOL
from solquote.commands.options import DataDir, Json, Timeout, found_environment
from solquote.exit_codes import ExitCode
from solquote.lean_libraries import load_bus_libraries
from solquote.output import CommandFailed, answer_json, make_console

if TYPE_CHECKING:
    from pipeline.auditor.ledger import Ledger
    from quote_core.events import ExecutionResult
    from solquote.account_reading import RunAccount

__all__ = ["pnl"]


def pnl(
    *,
    last: Annotated[int, typer.Option(help="How many of the newest results to list", min=0, max=10_000)] = 10,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every result as CSV instead")] = False,
    run: Annotated[str, typer.Option(help="Which run; `all` adds all of them up, unset = the newest")] = "",
    timeout: Timeout = 30.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show profit and loss, and the newest results."""
    if as_csv and as_json:
        raise CommandFailed("USAGE", "--csv and --json are two answers; ask for one", ExitCode.BAD_INPUT)
    load_bus_libraries()
    from solquote.account_reading import read_account  # noqa: PLC0415  # NATS is loaded for the call only

    platform = PlatformSettings.load(environ=found_environment(data_dir))
    try:
        account = read_account(platform, last, run, as_csv=as_csv, timeout_s=timeout)
    except TimeoutError:
        raise DeadlinePassed(f"NATS at {redacted_url(platform.nats_url)}", round(timeout * 1000)) from None
    if as_json:
        answer_json(_account_json(account))
    elif not as_csv:
        _print(account, make_console())


RUNS_SHOWN_MAX: Final = 3


def _account_json(account: "RunAccount") -> dict[str, object]:
    return {
        "run_id": account.ledger.run_id,
        "summary": _summary(account.ledger),
        "results": [_result_json(result) for result in account.newest],
        "runs": [
            {
                "run_id": run_id,
                "first_result_unix_ns": ledger.first_result_unix_ns,
                "last_result_unix_ns": ledger.last_result_unix_ns,
                "trade_count": ledger.trade_count,
                "cumulative_profit_lamports": ledger.cumulative_profit_lamports,
            }
            for run_id, ledger in account.by_run.items()
        ],
    }


def _summary(ledger: "Ledger") -> dict[str, float]:
    return {
        "trade_count": ledger.trade_count,
        "filled_count": ledger.filled_count,
        "missed_count": ledger.missed_count,
        "failed_count": ledger.failed_count,
        "refused_count": ledger.refused_count,
        "win_rate": ledger.win_rate,
        "cumulative_profit_lamports": ledger.cumulative_profit_lamports,
        "naive_profit_lamports": ledger.naive_profit_lamports,
        "taken_effect_lamports": ledger.taken_effect_lamports,
        "latency_effect_lamports": ledger.latency_effect_lamports,
        "rivals_effect_lamports": ledger.rivals_effect_lamports,
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


def _result_json(result: "ExecutionResult") -> dict[str, object]:
    return {
        "finished_unix_ns": result.finished_unix_ns,
        "pair": result.pair,
        "outcome": result.outcome.name,
        "mode": result.mode.name,
        "reason": result.reason,
        "amount_in_lamports": result.amount_in,
        "expected_profit_lamports": result.expected_profit_lamports,
        "profit_lamports": result.profit_lamports,
        "taken_effect_lamports": result.taken_effect_lamports,
        "latency_effect_lamports": result.latency_effect_lamports,
        "rivals_effect_lamports": result.rivals_effect_lamports,
        "run_id": result.run_id,
        "plan_id": result.plan_id.hex(),
    }


def _print(account: "RunAccount", console: Console) -> None:
    ledger = account.ledger
    runs = "all runs" if account.is_of_all else f"run {account.run}"
    console.print(
        f"[bold]{_sol(ledger.cumulative_profit_lamports)} SOL[/] over {ledger.trade_count} trades: "
        f"{ledger.filled_count} filled, {ledger.missed_count} missed, {ledger.failed_count} failed, "
        f"{ledger.refused_count} refused; {ledger.win_count} of the fills won ({runs})",
        highlight=False,
    )
    summary = Table(box=None, pad_edge=False, show_header=False)
    summary.add_column()
    summary.add_column(justify="right")
    for name, text in (
        ("filled at once, alone in the market", f"{_sol(ledger.naive_profit_lamports)} SOL"),
        ("  depth that paper had taken", f"{_sol(ledger.taken_effect_lamports)} SOL"),
        ("  the market moved until landing", f"{_sol(ledger.latency_effect_lamports)} SOL"),
        ("  a rival was first", f"{_sol(ledger.rivals_effect_lamports)} SOL"),
        ("profit", f"{_sol(ledger.cumulative_profit_lamports)} SOL"),
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
    others = [run_id or "(without a name)" for run_id in account.by_run if run_id != ledger.run_id]
    if others and not account.is_of_all:
        shown = ", ".join(others[: -RUNS_SHOWN_MAX - 1 : -1])
        console.print(
            f"not in it: {len(others)} other runs, newest first: {shown}; `--run NAME` shows one, `--run all` adds up",
            highlight=False,
        )
    if account.newest:
        console.print(_results(account.newest))


def _results(newest: "Sequence[ExecutionResult]") -> Table:
    table = Table(box=None, pad_edge=False, title="newest results, in SOL", title_justify="left", title_style="dim")
    for column in ("finished", "pair"):
        table.add_column(column, no_wrap=True)
    for column in ("amount", "expected", "profit"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("outcome")
    for result in reversed(newest):
        finished = datetime.fromtimestamp(result.finished_unix_ns / 1e9, tz=UTC)
        table.add_row(
            f"{finished:%H:%M:%S}",
            result.pair,
            f"{result.amount_in / LAMPORTS_PER_SOL:,.3f}",
            _sol(result.expected_profit_lamports),
            _sol(result.profit_lamports),
            _outcome_text(result),
        )
    return table


def _outcome_text(result: "ExecutionResult") -> str:
    text = f"{result.outcome.name.lower()} ({result.mode.name.lower()})"
    return f"{text}: {result.reason}" if result.reason else text


def _sol(lamports: int) -> str:
    return f"{lamports / LAMPORTS_PER_SOL:+,.6f}"
