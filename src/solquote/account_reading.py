"""The results on EXECUTED, read for `solquote pnl`: all of one run or of all, and the newest of them."""

import asyncio
import collections
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pipeline.auditor.daily import DayAccounts, PnlAccount
from pipeline.auditor.equity import EquityCurve, EquityPoint
from pipeline.auditor.export import export_csv
from pipeline.auditor.ledger import DAY_NS, Ledger
from pipeline.auditor.reading import newest_run, read_results
from pipeline.auditor.runs import Runs
from pipeline.auditor.tax import TaxLines, TaxTable
from pipeline.auditor.usd import SolPrices
from quote_core.events import ExecutionResult
from quote_core.settings import PlatformSettings
from quote_core.tokens import load_tokens
from solquote.bus_reading import open_bus
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed

__all__ = ["RunAccount", "TableOfResults", "read_account", "read_day"]

ALL_RUNS: Final = "all"

TableOfResults = Literal["", "csv", "tax", "tax_with_paper"]
"""What is written to standard output while the results are read."""


@dataclass(frozen=True, slots=True)
class RunAccount:
    """What was asked for, its newest results, and every run there is."""

    account: PnlAccount
    newest: Sequence[ExecutionResult]
    by_run: Mapping[str, Ledger]
    points: Sequence[EquityPoint] = ()
    tax: TaxTable | None = None

    @property
    def ledger(self) -> Ledger:
        """Of all pairs."""
        return self.account.ledger

    @property
    def run(self) -> str:
        """Its name, for people."""
        return self.ledger.run_id or "without a name"

    @property
    def is_of_all(self) -> bool:
        """Whether all runs are added up."""
        return self.ledger.run_id == ALL_RUNS


def read_account(
    platform: PlatformSettings, last: int, run: str, *, table: TableOfResults, timeout_s: float
) -> RunAccount:
    """Read the whole stream once, keeping the newest `last` results; a table is written meanwhile.

    Raises:
        CommandFailed: NATS cannot be reached, or there is no such run.
        TimeoutError: It took longer than `timeout_s`.
        UnknownToken: A swap for the tax table is of a token that is not in the registry.
    """
    return asyncio.run(_read(platform, last, run, table=table, timeout_s=timeout_s))


def read_day(platform: PlatformSettings, day: int, *, timeout_s: float) -> dict[str, Any]:
    """The report of a day, counted from 1970, of the results that the stream keeps.

    Raises:
        CommandFailed: NATS cannot be reached.
        TimeoutError: It took longer than `timeout_s`.
    """
    return asyncio.run(_read_day(platform, day, timeout_s=timeout_s))


async def _read(
    platform: PlatformSettings, last: int, run: str, *, table: TableOfResults, timeout_s: float
) -> RunAccount:
    newest: collections.deque[ExecutionResult] = collections.deque(maxlen=last)
    capital_lamports = platform.trading_capital_lamports
    tokens = load_tokens(platform.tokens_path)
    prices = SolPrices(tokens)
    runs, curve = Runs(capital_lamports=capital_lamports, prices=prices), EquityCurve()
    tax: TaxTable | None = None
    async with asyncio.timeout(timeout_s), open_bus(platform, name="solquote pnl", timeout_s=timeout_s) as bus:
        run = run or await newest_run(bus)
        account = PnlAccount.empty(prices, capital_lamports=capital_lamports, run_id=run)

        async def wanted() -> AsyncIterator[ExecutionResult]:
            async for result in read_results(bus):
                runs.add(result)
                if run in (ALL_RUNS, result.run_id):
                    yield result

        if table == "csv":
            await export_csv(wanted(), sys.stdout)
        elif table:
            tax = TaxTable(TaxLines(tokens, with_paper=table == "tax_with_paper"), sys.stdout)
            async for result in wanted():
                tax.add(result)
        else:
            async for result in wanted():
                account.add(result)
                curve.add(result)
                newest.append(result)
    if run not in ("", ALL_RUNS) and run not in runs.by_run:
        known = ", ".join(one or "(without a name)" for one in runs.by_run) or "none"
        raise CommandFailed("NOT_FOUND", f"--run: {run} has no result; there are: {known}", ExitCode.BAD_INPUT)
    by_run = {run_id: sums.ledger for run_id, sums in runs.by_run.items()}
    return RunAccount(account, list(newest), by_run, curve.points, tax)


async def _read_day(platform: PlatformSettings, day: int, *, timeout_s: float) -> dict[str, Any]:
    accounts = DayAccounts(
        SolPrices(load_tokens(platform.tokens_path)),
        capital_lamports=platform.trading_capital_lamports,
        reported=set(),
    )
    async with asyncio.timeout(timeout_s), open_bus(platform, name="solquote pnl", timeout_s=timeout_s) as bus:
        async for result in read_results(bus):
            if result.finished_unix_ns // DAY_NS == day:
                accounts.add(result)
    return accounts.report(day)
