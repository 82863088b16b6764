"""Profit and loss from execution results, one after the other; the same sums live and on reading a week again.

| figure                 | unit     | definition                                                                    |
|------------------------|----------|-------------------------------------------------------------------------------|
| cumulative profit      | lamports | sum of net profit over all results; a failed one counts the costs it paid     |
| expected profit        | lamports | what the plans of the fills promised, net; `filled profit` is what they gave  |
| win rate               | fraction | fills with a net profit above zero / fills                                    |
| average profit         | lamports | net profit of the fills / fills                                               |
| gas and tips per trade | lamports | network fees, and tips, of all trades / their number: fills, failures, misses  |
| cost                   | lamports | flash-loan fees, tips and network fees of all trades together                 |
| effects                | lamports | what each model of paper trading added: sums over all results                 |
| naive profit           | lamports | cumulative profit less the effects: what filling at once, on pools nobody     |
|                        |          | else trades, would have told                                                  |
| Sharpe ratio           | none     | mean / sample standard deviation of net profit per fill, not annualised; 0    |
|                        |          | with fewer than two fills or no spread                                        |
| Sortino ratio          | none     | mean / downside deviation of net profit per fill, not annualised: the root of |
|                        |          | (sum of squares of the losses / all fills), so the target is 0; 0 with fewer  |
|                        |          | than two fills or no loss                                                     |
| max drawdown           | lamports | largest fall of cumulative profit below its highest so far (0 at the start)   |
| max drawdown fraction  | fraction | that fall / (capital + the highest it fell from), at its largest              |
| day profit             | lamports | net profit of the results that ended on the UTC day asked about               |
| turnover               | lamports | sum of the amounts that trades began with                                     |
| largest amount         | lamports | the largest of those amounts: what one trade may have had at stake            |
| average exposure       | lamports | sum of (amount * the time from taken to finished) of all trades / the time    |
|                        |          | from the first trade's taking to the last result: what was at stake at once,  |
|                        |          | on average; 0 without a span. Trades begin and end in SOL: between them       |
|                        |          | nothing is at stake                                                           |

The ratios are Sharpe's ex post ratio of 1994 without a risk-free rate ("The Sharpe Ratio", Journal of Portfolio
Management 21(1)) and Sortino and Price's ("Performance Measurement in a Downside Risk Framework", Journal of Investing
3(3), 1994), the period being one fill; profits stand for returns, since the capital is one for all of them.

A ledger is of one run: what a recorded market gives twice is not twice as much. Money is summed as integers and
divided only for display. An abandoned plan counts as refused: it ended without a trade, and the death of an executor
must not look like a run of failed trades.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from quote_core.clock import Clock
from quote_core.events import NO_TRACE, ExecutionResult, Outcome, PnlSnapshot, Trace, stamp

__all__ = ["DAY_NS", "Ledger", "is_trade"]

DAY_NS: Final = 86_400 * 1_000_000_000


def is_trade(result: ExecutionResult) -> bool:
    """Whether anything was started: a fill, a miss or a failure."""
    return result.outcome not in (Outcome.REFUSED, Outcome.ABANDONED)


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
    turnover_lamports: int = 0
    largest_amount_lamports: int = 0
    max_drawdown_lamports: int = 0
    max_drawdown_fraction: float = 0.0
    first_result_unix_ns: int = 0
    last_result_unix_ns: int = 0
    _squared_profit: int = 0
    _squared_loss: int = 0
    _exposed_lamport_ns: int = 0
    _first_taken_unix_ns: int = 0
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
        if not is_trade(result):
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
        self._add_exposure(result)
        self._add_profit(result.profit_lamports, result.finished_unix_ns)

    def _add_fill(self, result: ExecutionResult) -> None:
        self.filled_count += 1
        self.win_count += result.profit_lamports > 0
        self.filled_profit_lamports += result.profit_lamports
        self.expected_profit_lamports += result.expected_profit_lamports
        self._squared_profit += result.profit_lamports**2
        self._squared_loss += min(result.profit_lamports, 0) ** 2

    def _add_exposure(self, result: ExecutionResult) -> None:
        is_first = self.trade_count == 1
        taken_unix_ns = result.taken_unix_ns
        self._first_taken_unix_ns = taken_unix_ns if is_first else min(taken_unix_ns, self._first_taken_unix_ns)
        self.turnover_lamports += result.amount_in
        self.largest_amount_lamports = max(self.largest_amount_lamports, result.amount_in)
        self._exposed_lamport_ns += result.amount_in * max(0, result.finished_unix_ns - taken_unix_ns)

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
    def cost_lamports(self) -> int:
        """See the table."""
        return self.flash_fee_lamports + self.tip_lamports + self.network_fee_lamports

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

    @property
    def sortino_ratio(self) -> float:
        """See the table."""
        if self.filled_count < 2 or self._squared_loss == 0:
            return 0.0
        mean_lamports = self.filled_profit_lamports / self.filled_count
        return mean_lamports / math.sqrt(self._squared_loss / self.filled_count)

    @property
    def average_exposure_lamports(self) -> float:
        """See the table."""
        span_ns = self.last_result_unix_ns - self._first_taken_unix_ns
        return self._exposed_lamport_ns / span_ns if self.trade_count and span_ns > 0 else 0.0

    def day_profit_lamports(self, now_unix_ns: int) -> int:
        """Net profit since midnight UTC of the day `now_unix_ns` lies in."""
        return self._day_profit_lamports if now_unix_ns // DAY_NS == self._day else 0

    def snapshot(self, clock: Clock, *, trace: Trace = NO_TRACE) -> PnlSnapshot:
        """The figures as an event; dollars are not among those of a ledger."""
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
            sortino_ratio=self.sortino_ratio,
            average_exposure_lamports=self.average_exposure_lamports,
            largest_amount_lamports=self.largest_amount_lamports,
        )
