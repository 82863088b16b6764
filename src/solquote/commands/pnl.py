"""`solquote pnl`: profit and loss of one run, added up anew from the EXECUTED stream; `pnl report`: a day's."""

import csv
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from quote_core.addresses import redacted_servers
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import DeadlinePassed, InvalidField
from quote_core.files import replace_file
from quote_core.settings import PlatformSettings
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_S
from solquote.commands.options import (
    DataDir,
    Json,
    TaxCsv,
    Timeout,
    WithPaper,
    check_one_answer,
    check_with_paper,
    found_environment,
)
from solquote.exit_codes import ExitCode
from solquote.lean_libraries import load_bus_libraries
from solquote.moments import utc_text
from solquote.output import CommandFailed, answer_json, make_console

if TYPE_CHECKING:
    from pipeline.auditor.equity import EquityPoint
    from pipeline.auditor.ledger import Ledger
    from quote_core.events import ExecutionResult
    from solquote.account_reading import RunAccount

__all__ = ["pnl"]

PICTURES: Final = (".svg", ".png")

pnl = typer.Typer(help="Show profit and loss, and the newest results.", invoke_without_command=True)


@pnl.callback()
def account(
    context: typer.Context,
    *,
    last: Annotated[int, typer.Option(help="How many of the newest results to list", min=0, max=10_000)] = 10,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write every result as CSV instead")] = False,
    as_tax_csv: TaxCsv = False,
    with_paper: WithPaper = False,
    as_curve: Annotated[bool, typer.Option("--curve", help="Write the equity curve as CSV instead")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the equity curve into this file, which is SVG or PNG", metavar="FILE.svg|FILE.png"),
    ] = None,
    run: Annotated[str, typer.Option(help="Which run; `all` adds all of them up, unset = the newest")] = "",
    timeout: Timeout = 30.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show profit and loss, and the newest results."""
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    is_drawn = plot is not None
    check_one_answer(
        {"--csv": as_csv, "--csv-tax": as_tax_csv, "--curve": as_curve, "--plot": is_drawn, "--json": as_json}
    )
    check_with_paper(as_tax_csv=as_tax_csv, with_paper=with_paper)
    if plot is not None and plot.suffix not in PICTURES:
        raise InvalidField("--plot", f"{plot} must end in {' or '.join(PICTURES)}, which are drawn")
    load_bus_libraries()
    from solquote.account_reading import TableOfResults, read_account  # noqa: PLC0415  # NATS is loaded for the call only

    platform = PlatformSettings.load(environ=found_environment(data_dir))
    table: TableOfResults = "csv" if as_csv else ""
    if as_tax_csv:
        table = "tax_with_paper" if with_paper else "tax"
    try:
        found = read_account(platform, last, run, table=table, timeout_s=timeout)
    except TimeoutError:
        raise DeadlinePassed(f"NATS at {redacted_servers(platform.nats_url)}", round(timeout * 1000)) from None
    if found.tax is not None:
        sys.stderr.write(f"solquote: {found.tax.summary()}\n")
    elif as_curve:
        _write_curve(found.points, capital_lamports=platform.trading_capital_lamports)
    elif plot is not None:
        _draw(found, plot)
    elif as_json:
        answer_json(_account_json(found))
    elif not as_csv:
        _print(found, make_console())


@pnl.command()
def report(
    *,
    day: Annotated[
        str | None, typer.Option(help="Which day, UTC, such as 2026-11-29; unset = yesterday", metavar="DAY")
    ] = None,
    timeout: Timeout = 30.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show the report of a day, as the auditor published it or of what EXECUTED keeps."""
    today = datetime.fromtimestamp(SYSTEM_CLOCK.unix_ns() // NS_PER_S, UTC).date()
    try:
        wanted = today - timedelta(days=1) if day is None else date.fromisoformat(day)
    except ValueError:
        raise InvalidField("--day", f"must be a day such as 2026-11-29, got {day!r}") from None
    load_bus_libraries()
    from pipeline.auditor.daily import day_index  # noqa: PLC0415  # with every type of event
    from solquote.day_report import day_report, print_report  # noqa: PLC0415  # NATS is loaded for the call only

    platform = PlatformSettings.load(environ=found_environment(data_dir))
    try:
        told = day_report(platform, day_index(wanted), timeout_s=timeout)
    except TimeoutError:
        raise DeadlinePassed(f"NATS at {redacted_servers(platform.nats_url)}", round(timeout * 1000)) from None
    if as_json:
        answer_json(told)
    else:
        print_report(told, make_console())


def _refuse_options(context: typer.Context) -> None:
    """Options of the account before the name of another command would be read and mean nothing."""
    given = [name for name in context.params if _is_given(context, name)]
    if given:
        name = context.invoked_subcommand
        raise CommandFailed("USAGE", f"options of `{name}` come after it: solquote pnl {name} ...", ExitCode.BAD_INPUT)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _write_curve(points: "Sequence[EquityPoint]", *, capital_lamports: int) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(
        ("finished", "trade_count", "low_lamports", "high_lamports", "cumulative_profit_lamports", "equity_lamports")
    )
    for point in points:
        profit_lamports = point.profit_lamports
        writer.writerow(
            (
                utc_text(point.finished_unix_ns),
                point.trade_count,
                point.low_lamports,
                point.high_lamports,
                profit_lamports,
                capital_lamports + profit_lamports,
            )
        )


def _draw(found: "RunAccount", path: Path) -> None:
    from solquote.equity_chart import EquityChart  # noqa: PLC0415  # for this answer only
    from solquote.equity_png import equity_png  # noqa: PLC0415  # the same
    from solquote.equity_svg import equity_svg  # noqa: PLC0415  # the same

    runs = "all runs" if found.is_of_all else f"run {found.run}"
    profit = _sol(found.ledger.cumulative_profit_lamports)
    title = f"{profit} SOL over {found.ledger.trade_count:,} trades, {runs}"
    chart = EquityChart.of(found.points, title=title)
    picture = equity_png(chart) if path.suffix == ".png" else equity_svg(chart)
    replace_file(path, picture, outlives_power_failure=False)
    sys.stderr.write(f"solquote: {len(found.points)} points in {path}\n")


RUNS_SHOWN_MAX: Final = 3


def _account_json(account: "RunAccount") -> dict[str, object]:
    return {
        "run_id": account.ledger.run_id,
        "summary": _summary(account.ledger),
        "usd": account.account.usd.figures(),
        "pairs": _pairs_json(account),
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
    from pipeline.auditor.figures import figures_of  # noqa: PLC0415  # NATS is loaded for the call only

    return {**figures_of(ledger), "day_profit_lamports": ledger.day_profit_lamports(SYSTEM_CLOCK.unix_ns())}


def _pairs_json(account: "RunAccount") -> list[dict[str, Any]]:
    from pipeline.auditor.figures import figures_of  # noqa: PLC0415  # see above

    return [{"pair": pair, **figures_of(ledger)} for pair, ledger in account.account.pairs.by_pair.items()]


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
        ("costs: fees and tips", f"{_sol(-ledger.cost_lamports)} SOL"),
        ("Sharpe ratio, per fill", f"{ledger.sharpe_ratio:.2f}"),
        ("Sortino ratio, per fill", f"{ledger.sortino_ratio:.2f}"),
        ("largest drawdown", f"{ledger.max_drawdown_fraction:.2%} of capital"),
        ("at stake: largest trade", f"{ledger.largest_amount_lamports / LAMPORTS_PER_SOL:,.3f} SOL"),
        ("at stake: average over time", f"{ledger.average_exposure_lamports / LAMPORTS_PER_SOL:,.3f} SOL"),
        *_usd_lines(account),
    ):
        summary.add_row(name, text)
    console.print(summary)
    if account.account.pairs.by_pair:
        console.print(_pair_table(account.account.pairs.by_pair))
    others = [run_id or "(without a name)" for run_id in account.by_run if run_id != ledger.run_id]
    if others and not account.is_of_all:
        shown = ", ".join(others[: -RUNS_SHOWN_MAX - 1 : -1])
        console.print(
            f"not in it: {len(others)} other runs, newest first: {shown}; `--run NAME` shows one, `--run all` adds up",
            highlight=False,
        )
    if account.newest:
        console.print(_results(account.newest))


def _usd_lines(account: "RunAccount") -> list[tuple[str, str]]:
    """How much of the profit has a worth in dollars: that of the trades that record a price."""
    usd = account.account.usd
    if not usd.priced_trade_count:
        return [("profit in USD", "not known: no trade records a price")]
    lines = [
        (f"in USD: {usd.priced_trade_count:,} trades record a price", f"{usd.profit_micro_usd / 1e6:+,.2f} USD"),
        ("  which are of the profit", f"{_sol(usd.priced_profit_lamports)} SOL"),
    ]
    if usd.unpriced_trade_count:
        name = f"  no worth in USD is known of the other {usd.unpriced_trade_count:,}"
        lines.append((name, f"{_sol(usd.unpriced_profit_lamports)} SOL"))
    return lines


def _pair_table(by_pair: "Mapping[str, Ledger]") -> Table:
    table = Table(box=None, pad_edge=False, title="by pair", title_justify="left", title_style="dim")
    table.add_column("pair", no_wrap=True)
    for column in ("profit, SOL", "expected", "costs", "trades", "won"):
        table.add_column(column, justify="right", no_wrap=True)
    for pair, ledger in sorted(by_pair.items(), key=lambda one: -one[1].cumulative_profit_lamports):
        table.add_row(
            pair,
            _sol(ledger.cumulative_profit_lamports),
            _sol(ledger.expected_profit_lamports),
            _sol(-ledger.cost_lamports),
            f"{ledger.trade_count:,}",
            f"{ledger.win_rate:.0%}",
        )
    return table


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
