"""Profit and loss from execution results, one after the other; the same sums live and on reading a week again.

| figure                 | unit     | definition                                                                    |
|------------------------|----------|-------------------------------------------------------------------------------|
| cumulative profit      | lamports | sum of net profit over all results; a failed one counts the costs it paid     |
| expected profit        | lamports | what the plans of the fills promised, net; `filled profit` is what they gave  |
| win rate               | fraction | fills with a net profit above zero / fills                                    |
| average profit         | lamports | net profit of the fills / fills                                               |
| gas and tips per trade | lamports | network fees, and tips, of all trades / their number: fills, failures, misses  |
| effects                | lamports | what each model of paper trading added: sums over all results                 |
| naive profit           | lamports | cumulative profit less the effects: what filling at once, on pools nobody     |
|                        |          | else trades, would have told                                                  |
| Sharpe ratio           | none     | mean / sample standard deviation of net profit per fill, not annualised; 0    |
|                        |          | with fewer than two fills or no spread                                        |
| max drawdown           | lamports | largest fall of cumulative profit below its highest so far (0 at the start)   |
| max drawdown fraction  | fraction | that fall / (capital + the highest it fell from), at its largest              |
| day profit             | lamports | net profit of the results that ended on the UTC day asked about               |

A ledger is of one run: what a recorded market gives twice is not twice as much. Money is summed as integers and
divided only for display. An abandoned plan counts as refused: it ended without a trade, and the death of an executor
must not look like a run of failed trades.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from quote_core.clock import Clock
from quote_core.events import NO_TRACE, ExecutionResult, Outcome, PnlSnapshot, Trace, stamp

__all__ = ["DAY_NS", "RUN_COUNT_MAX", "Ledger", "Ledgers"]

DAY_NS: Final = 86_400 * 1_000_000_000


@dataclass(slots=True)
class Ledger:
    """The running sums. `capital_lamports` is what trading began with; only the drawdown fraction uses it."""

    capital_lamports: int
    run_id: str = ""
    filled_count: int = 0
    refused_count: int = 0
    failed_count: int = 0
    missed_count: int = 0
    win_count: int = 0
    cumulative_profit_lamports: int = 0
    filled_profit_lamports: int = 0
    expected_profit_lamports: int = 0
    flash_fee_lamports: int = 0
    tip_lamports: int = 0
    network_fee_lamports: int = 0
    taken_effect_lamports: int = 0
    latency_effect_lamports: int = 0
    rivals_effect_lamports: int = 0
    max_drawdown_lamports: int = 0
    max_drawdown_fraction: float = 0.0
    first_result_unix_ns: int = 0
    last_result_unix_ns: int = 0
    _squared_profit: int = 0
    _peak_profit_lamports: int = 0
    _day: int = 0
    _day_profit_lamports: int = 0

    @classmethod
    def of(cls, results: Iterable[ExecutionResult], *, capital_lamports: int) -> Self:
        """The ledger after `results`."""
        ledger = cls(capital_lamports=capital_lamports)
        for result in results:
            ledger.add(result)
        return ledger

    def add(self, result: ExecutionResult) -> None:
        """Take the next result of the stream."""
        self.first_result_unix_ns = self.first_result_unix_ns or result.finished_unix_ns
        self.last_result_unix_ns = max(self.last_result_unix_ns, result.finished_unix_ns)
        self.taken_effect_lamports += result.taken_effect_lamports
        self.latency_effect_lamports += result.latency_effect_lamports
        self.rivals_effect_lamports += result.rivals_effect_lamports
        if result.outcome in (Outcome.REFUSED, Outcome.ABANDONED):
            self.refused_count += 1
            return
        if result.outcome is Outcome.FILLED:
            self._add_fill(result)
        elif result.outcome is Outcome.MISSED:
            self.missed_count += 1
        else:
            self.failed_count += 1
        self.flash_fee_lamports += result.flash_fee_lamports
        self.tip_lamports += result.tip_lamports
        self.network_fee_lamports += result.network_fee_lamports
        self._add_profit(result.profit_lamports, result.finished_unix_ns)

    def _add_fill(self, result: ExecutionResult) -> None:
        self.filled_count += 1
        self.win_count += result.profit_lamports > 0
        self.filled_profit_lamports += result.profit_lamports
        self.expected_profit_lamports += result.expected_profit_lamports
        self._squared_profit += result.profit_lamports**2

    def _add_profit(self, profit_lamports: int, finished_unix_ns: int) -> None:
        day = finished_unix_ns // DAY_NS
        if day > self._day:
            self._day, self._day_profit_lamports = day, 0
        if day == self._day:
            self._day_profit_lamports += profit_lamports
        self.cumulative_profit_lamports += profit_lamports
        self._peak_profit_lamports = max(self._peak_profit_lamports, self.cumulative_profit_lamports)
        fall_lamports = self._peak_profit_lamports - self.cumulative_profit_lamports
        self.max_drawdown_lamports = max(self.max_drawdown_lamports, fall_lamports)
        fall_fraction = fall_lamports / (self.capital_lamports + self._peak_profit_lamports)
        self.max_drawdown_fraction = max(self.max_drawdown_fraction, fall_fraction)

    @property
    def trade_count(self) -> int:
        """Fills, misses and failures: what was started."""
        return self.filled_count + self.missed_count + self.failed_count

    @property
    def naive_profit_lamports(self) -> int:
        """See the table."""
        effects_lamports = self.taken_effect_lamports + self.latency_effect_lamports + self.rivals_effect_lamports
        return self.cumulative_profit_lamports - effects_lamports

    @property
    def win_rate(self) -> float:
        """See the table; 0 without fills."""
        return self.win_count / self.filled_count if self.filled_count else 0.0

    @property
    def average_profit_lamports(self) -> float:
        """See the table; 0 without fills."""
        return self.filled_profit_lamports / self.filled_count if self.filled_count else 0.0

    @property
    def network_fee_per_trade_lamports(self) -> float:
        """Gas: see the table; 0 without trades."""
        return self.network_fee_lamports / self.trade_count if self.trade_count else 0.0

    @property
    def tip_per_trade_lamports(self) -> float:
        """See the table; 0 without trades."""
        return self.tip_lamports / self.trade_count if self.trade_count else 0.0

    @property
    def sharpe_ratio(self) -> float:
        """See the table. The variance is taken of exact integer sums, so that equal profits give exactly none."""
        count = self.filled_count
        if count < 2:
            return 0.0
        scaled_variance = (
            count * self._squared_profit - self.filled_profit_lamports**2
        )  # count * (count - 1) * variance
        if scaled_variance == 0:
            return 0.0
        return self.filled_profit_lamports / count / math.sqrt(scaled_variance / (count * (count - 1)))

    def day_profit_lamports(self, now_unix_ns: int) -> int:
        """Net profit since midnight UTC of the day `now_unix_ns` lies in."""
        return self._day_profit_lamports if now_unix_ns // DAY_NS == self._day else 0

    def snapshot(self, clock: Clock, *, trace: Trace = NO_TRACE) -> PnlSnapshot:
        """The figures as an event."""
        header = stamp(clock, trace=trace)
        return PnlSnapshot(
            header=header,
            filled_count=self.filled_count,
            refused_count=self.refused_count,
            failed_count=self.failed_count,
            win_count=self.win_count,
            cumulative_profit_lamports=self.cumulative_profit_lamports,
            expected_profit_lamports=self.expected_profit_lamports,
            day_profit_lamports=self.day_profit_lamports(header.created_unix_ns),
            average_profit_lamports=self.average_profit_lamports,
            flash_fee_lamports=self.flash_fee_lamports,
            tip_lamports=self.tip_lamports,
            network_fee_lamports=self.network_fee_lamports,
            sharpe_ratio=self.sharpe_ratio,
            max_drawdown_lamports=self.max_drawdown_lamports,
            max_drawdown_fraction=self.max_drawdown_fraction,
            first_result_unix_ns=self.first_result_unix_ns,
            last_result_unix_ns=self.last_result_unix_ns,
            run_id=self.run_id,
            missed_count=self.missed_count,
            taken_effect_lamports=self.taken_effect_lamports,
            latency_effect_lamports=self.latency_effect_lamports,
            rivals_effect_lamports=self.rivals_effect_lamports,
        )


RUN_COUNT_MAX: Final = 1_000
"""Accounts kept apart; beyond, that of the run longest without a result is forgotten."""


class Ledgers:
    """A ledger for each run."""

    def __init__(self, *, capital_lamports: int) -> None:
        self._capital_lamports = capital_lamports
        self._by_run: OrderedDict[str, Ledger] = OrderedDict()

    @property
    def by_run(self) -> Mapping[str, Ledger]:
        """All of them; that of the newest result last."""
        return self._by_run

    @property
    def newest(self) -> Ledger:
        """The one of the newest result; empty when there is none."""
        return next(reversed(self._by_run.values())) if self._by_run else self._empty("")

    def add(self, result: ExecutionResult) -> Ledger:
        """Take the next result of the stream; returns the account it belongs to."""
        ledger = self.of(result.run_id)
        self._by_run[result.run_id] = ledger
        self._by_run.move_to_end(result.run_id)
        if len(self._by_run) > RUN_COUNT_MAX:
            self._by_run.popitem(last=False)
        ledger.add(result)
        return ledger

    def of(self, run_id: str) -> Ledger:
        """The account of a run; an empty one when it has no result yet."""
        return self._by_run.get(run_id) or self._empty(run_id)

    def _empty(self, run_id: str) -> Ledger:
        return Ledger(capital_lamports=self._capital_lamports, run_id=run_id)
