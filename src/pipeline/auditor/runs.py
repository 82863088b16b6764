"""The accounts of the runs, each in SOL and in dollars."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pipeline.auditor.ledger import Ledger
from pipeline.auditor.usd import SolPrices, UsdAccount
from quote_core.clock import Clock
from quote_core.events import NO_TRACE, ExecutionResult, PnlSnapshot, Trace

__all__ = ["RUN_COUNT_MAX", "RunSums", "Runs"]

RUN_COUNT_MAX: Final = 1_000
"""Accounts kept apart; beyond, that of the run longest without a result is forgotten."""

_I64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RunSums:
    """What one run made."""

    ledger: Ledger
    usd: UsdAccount

    def add(self, result: ExecutionResult) -> None:
        """Take the next result."""
        self.ledger.add(result)
        self.usd.add(result)

    def copied(self) -> "RunSums":
        """As they are now."""
        return RunSums(replace(self.ledger), replace(self.usd))

    def snapshot(self, clock: Clock, *, trace: Trace = NO_TRACE) -> PnlSnapshot:
        """The figures as an event; more dollars than its field holds stand at its bound."""
        usd = self.usd
        return replace(
            self.ledger.snapshot(clock, trace=trace),
            profit_micro_usd=max(-_I64_MAX, min(usd.profit_micro_usd, _I64_MAX)),
            priced_trade_count=usd.priced_trade_count,
            priced_profit_lamports=usd.priced_profit_lamports,
        )


class Runs:
    """The sums of each run.

    Args:
        capital_lamports: What trading began with.
        prices: Of SOL in dollars.
        known: Runs that were counted before, that of the newest result last.
    """

    def __init__(self, *, capital_lamports: int, prices: SolPrices, known: Iterable[RunSums] = ()) -> None:
        self._capital_lamports = capital_lamports
        self._prices = prices
        self._by_run = OrderedDict((sums.ledger.run_id, sums) for sums in known)

    @property
    def by_run(self) -> Mapping[str, RunSums]:
        """All of them; that of the newest result last."""
        return self._by_run

    @property
    def newest(self) -> RunSums:
        """Those of the newest result; empty when there is none."""
        return next(reversed(self._by_run.values())) if self._by_run else self._empty("")

    def add(self, result: ExecutionResult) -> None:
        """Take the next result of the stream."""
        sums = self.of(result.run_id)
        self._by_run[result.run_id] = sums
        self._by_run.move_to_end(result.run_id)
        if len(self._by_run) > RUN_COUNT_MAX:
            self._by_run.popitem(last=False)
        sums.add(result)

    def of(self, run_id: str) -> RunSums:
        """Those of a run; empty ones when it has no result yet."""
        return self._by_run.get(run_id) or self._empty(run_id)

    def _empty(self, run_id: str) -> RunSums:
        return RunSums(Ledger(capital_lamports=self._capital_lamports, run_id=run_id), UsdAccount(self._prices))
