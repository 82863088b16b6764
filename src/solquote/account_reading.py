"""The results on EXECUTED, read for `solquote pnl`: all of one run or of all, and the newest of them."""

import asyncio
import collections
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.auditor.export import export_csv
from pipeline.auditor.ledger import Ledger, Ledgers
from pipeline.auditor.reading import newest_run, read_results
from quote_core.events import ExecutionResult
from quote_core.settings import PlatformSettings
from solquote.bus_reading import open_bus
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed

__all__ = ["RunAccount", "read_account"]

ALL_RUNS: Final = "all"


@dataclass(frozen=True, slots=True)
class RunAccount:
    """What was asked for, its newest results, and every run there is."""

    ledger: Ledger
    newest: Sequence[ExecutionResult]
    by_run: Mapping[str, Ledger]

    @property
    def run(self) -> str:
        """Its name, for people."""
        return self.ledger.run_id or "without a name"

    @property
    def is_of_all(self) -> bool:
        """Whether all runs are added up."""
        return self.ledger.run_id == ALL_RUNS


def read_account(platform: PlatformSettings, last: int, run: str, *, as_csv: bool, timeout_s: float) -> RunAccount:
    """Read the whole stream once, keeping the newest `last` results; CSV is written meanwhile.

    Raises:
        CommandFailed: NATS cannot be reached, or there is no such run.
        TimeoutError: It took longer than `timeout_s`.
    """
    return asyncio.run(_read(platform, last, run, as_csv=as_csv, timeout_s=timeout_s))


async def _read(platform: PlatformSettings, last: int, run: str, *, as_csv: bool, timeout_s: float) -> RunAccount:
    newest: collections.deque[ExecutionResult] = collections.deque(maxlen=last)
    capital_lamports = platform.trading_capital_lamports
    total, ledgers = (
        Ledger(capital_lamports=capital_lamports, run_id=ALL_RUNS),
        Ledgers(capital_lamports=capital_lamports),
    )
    async with asyncio.timeout(timeout_s), open_bus(platform, name="solquote pnl", timeout_s=timeout_s) as bus:
        run = run or await newest_run(bus)

        async def wanted() -> AsyncIterator[ExecutionResult]:
            async for result in read_results(bus):
                ledgers.add(result)
                if run in (ALL_RUNS, result.run_id):
                    yield result

        if as_csv:
            await export_csv(wanted(), sys.stdout)
        else:
            async for result in wanted():
                total.add(result)
                newest.append(result)
    if run not in ("", ALL_RUNS) and run not in ledgers.by_run:
        known = ", ".join(one or "(without a name)" for one in ledgers.by_run) or "none"
        raise CommandFailed("NOT_FOUND", f"--run: {run} has no result; there are: {known}", ExitCode.BAD_INPUT)
    return RunAccount(total if run == ALL_RUNS else ledgers.of(run), list(newest), ledgers.by_run)
