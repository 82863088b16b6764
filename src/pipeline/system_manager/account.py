"""The rules on money: one account of trading, the marks it is measured from, and when it says stop.

An account's figures are sums since it began. The marks are what those sums were at the last release: the highest
profit, the day's profit, and no failed trade yet. While history is read (`recall`), results of before the release move
the marks, later ones are measured by them; so a manager that was restarted judges what it judged before.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from pipeline.system_manager.limits import Limits, Trip

__all__ = ["FAILED_COUNT_MAX", "LossAccount", "LossAccountState", "is_other_day"]

FAILED_COUNT_MAX: Final = 1_000
"""Failures told apart by time; of more than these the last are counted as of one time, hence for longer."""

_DAY_NS: Final = 86_400 * 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LossAccountState:
    """All that an account knows; `failed` are times (Unix, ns) and how many trades failed then, in their order."""

    profit_lamports: int
    day_profit_lamports: int
    peak_profit_lamports: int
    day_start_profit_lamports: int
    failed: tuple[tuple[int, int], ...]


class LossAccount:
    """Judges sums of profit and failures against the marks of the last release."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._profit_lamports = 0
        self._day_profit_lamports = 0
        self._failed: deque[tuple[int, int]] = deque()
        self.rearm()

    def rearm(self) -> None:
        """What was lost, and failed, so far has been seen by whoever released trading: measure from here."""
        self._peak_profit_lamports = self._profit_lamports
        self._day_start_profit_lamports = self._day_profit_lamports
        self._failed.clear()

    def shift(self, profit_lamports: int, day_profit_lamports: int) -> None:
        """The account begins elsewhere now and nobody traded: take the difference out of the marks too.

        The stream drops results when they are old, or with its store; what they had earned is no loss.
        """
        self._peak_profit_lamports += profit_lamports - self._profit_lamports
        self._day_start_profit_lamports += day_profit_lamports - self._day_profit_lamports

    def take(self, profit_lamports: int, day_profit_lamports: int, *, is_new_day: bool) -> None:
        """Note the sums as they are now; at midnight UTC a day's loss begins at nothing.

        Args:
            profit_lamports: Net, since the account began.
            day_profit_lamports: Net, of the day the sums are of.
            is_new_day: Whether that is another day than the last sums' one.
        """
        if is_new_day:
            self._day_start_profit_lamports = 0
        self._profit_lamports, self._day_profit_lamports = profit_lamports, day_profit_lamports
        self._peak_profit_lamports = max(self._peak_profit_lamports, profit_lamports)

    def state(self) -> LossAccountState:
        """What it knows now."""
        return LossAccountState(
            profit_lamports=self._profit_lamports,
            day_profit_lamports=self._day_profit_lamports,
            peak_profit_lamports=self._peak_profit_lamports,
            day_start_profit_lamports=self._day_start_profit_lamports,
            failed=tuple(self._failed),
        )

    def restore(self, state: LossAccountState) -> None:
        """Know what `state` says, and nothing else."""
        self._profit_lamports = state.profit_lamports
        self._day_profit_lamports = state.day_profit_lamports
        self._peak_profit_lamports = state.peak_profit_lamports
        self._day_start_profit_lamports = state.day_start_profit_lamports
        self._failed = deque(state.failed)

    def failed(self, at_unix_ns: int, count: int = 1) -> None:
        """So many trades failed at this time; those that it leaves out of the window are forgotten."""
        self._forget_failed_before(at_unix_ns)
        if len(self._failed) >= FAILED_COUNT_MAX:
            count += self._failed.pop()[1]
        self._failed.append((at_unix_ns, count))

    def judge(self, now_unix_ns: int) -> Trip | None:
        """The first rule that the account breaks now."""
        return next(iter(self.broken(now_unix_ns)), None)

    def broken(self, now_unix_ns: int, *, day_is_over: bool = False) -> list[Trip]:
        """Every rule that the account breaks now; the loss of a day that is over breaks none."""
        daily_loss = None if day_is_over else self._daily_loss()
        return [trip for trip in (self._failed_trades(now_unix_ns), self._drawdown(), daily_loss) if trip is not None]

    def _failed_trades(self, now_unix_ns: int) -> Trip | None:
        self._forget_failed_before(now_unix_ns)
        failed_count = sum(count for _, count in self._failed)
        if failed_count > self._limits.failed_trade_count_max:
            window_min = self._limits.failed_window_ns / 60e9
            return Trip("failed_trades", f"{failed_count} trades failed within {window_min:g} min")
        return None

    def _forget_failed_before(self, now_unix_ns: int) -> None:
        while self._failed and now_unix_ns - self._failed[0][0] >= self._limits.failed_window_ns:
            self._failed.popleft()

    def _drawdown(self) -> Trip | None:
        equity_peak = self._limits.capital_lamports + self._peak_profit_lamports
        fall_lamports = self._peak_profit_lamports - self._profit_lamports
        share = 1.0 if equity_peak <= 0 else fall_lamports / equity_peak
        if share > self._limits.drawdown_fraction_max:
            return Trip("drawdown", f"equity is {share:.1%} below its highest")
        return None

    def _daily_loss(self) -> Trip | None:
        loss_lamports = self._day_start_profit_lamports - self._day_profit_lamports
        if loss_lamports >= self._limits.daily_loss_lamports_max:
            return Trip("daily_loss", f"{loss_lamports} lamports were lost today")
        return None


def is_other_day(unix_ns: int, other_unix_ns: int) -> bool:
    """Whether two times are of different UTC days."""
    return unix_ns // _DAY_NS != other_unix_ns // _DAY_NS
