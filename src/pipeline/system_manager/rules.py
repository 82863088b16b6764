"""When trading must stop: measurements in, the reason to stop out.

| rule          | trips when                                                         | measured over            |
|---------------|--------------------------------------------------------------------|--------------------------|
| error_rate    | a service's errors are more than this share of what it handled     | `rate_window`, sliding   |
| rpc_failures  | a service's failed RPC calls are more than this share of its calls | `rate_window`, sliding   |
| memory        | a service uses more than this share of its limit                   | the last report          |
| slot_drift    | a service is more slots than this behind the chain                 | the last report          |
| failed_trades | more trades than this failed                                       | `failed_window`, sliding |
| drawdown      | equity is more than this share below its highest                   | since the last release   |
| daily_loss    | the day's loss (UTC) reaches this many lamports                    | midnight or last release |

Equity is the trading capital plus cumulative profit. A share counts only once there are `sample_count_min` events to
take it of, so that one failed call after a quiet hour stops nothing. A release makes every rule count anew: what the
operator has seen does not trip again, what still is so (memory, drift) does. Times are those of the events, so that
reading METRICS again after a restart leads to the same answers.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from quote_core.events import PnlSnapshot, ServiceHealth

__all__ = ["Limits", "Rules", "Trip"]

SERVICE_COUNT_MAX: Final = 256
"""Services told apart; reports of further ones are judged for themselves, without a window."""

SAMPLE_COUNT_MAX: Final = 1_000
"""Reports held of one service, and counts of failed trades."""


@dataclass(frozen=True, slots=True)
class Limits:
    """At and below a limit all is well; shares are fractions."""

    error_rate_fraction_max: float
    rpc_failure_fraction_max: float
    memory_fraction_max: float
    slot_drift_max: int
    failed_trade_count_max: int
    drawdown_fraction_max: float
    daily_loss_lamports_max: int
    capital_lamports: int
    rate_window_ns: int
    failed_window_ns: int
    sample_count_min: int


@dataclass(frozen=True, slots=True)
class Trip:
    """A rule says stop."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Sample:
    at_unix_ns: int
    handled_count: int
    error_count: int
    rpc_call_count: int
    rpc_failure_count: int


class Rules:
    """The table above, with the windows it looks at."""

    def __init__(self, limits: Limits, *, since_unix_ns: int) -> None:
        self._limits = limits
        self.rearm(since_unix_ns)

    def rearm(self, since_unix_ns: int) -> None:
        """Trading was released at `since_unix_ns`: count anew from there."""
        self._since_unix_ns = since_unix_ns
        self._samples: dict[str, deque[_Sample]] = {}
        self._failed: deque[tuple[int, int]] = deque(maxlen=SAMPLE_COUNT_MAX)
        self._pnl: PnlSnapshot | None = None
        self._peak_profit_lamports: int | None = None
        self._day_start_profit_lamports = 0

    def judge_health(self, health: ServiceHealth) -> Trip | None:
        """Take one service's report."""
        limits = self._limits
        if health.memory_limit_bytes:
            share = health.memory_used_bytes / health.memory_limit_bytes
            if share > limits.memory_fraction_max:
                return Trip("memory", f"{health.service} uses {share:.0%} of its memory limit")
        if health.slot_drift > limits.slot_drift_max:
            return Trip("slot_drift", f"{health.service} is {health.slot_drift} slots behind the chain")
        samples = self._window(health, health.header.created_unix_ns)
        return _share_trip(
            "error_rate",
            health.service,
            "of what it handled failed",
            sum(sample.error_count for sample in samples),
            sum(sample.handled_count for sample in samples),
            limits.error_rate_fraction_max,
            limits.sample_count_min,
        ) or _share_trip(
            "rpc_failures",
            health.service,
            "of its RPC calls failed",
            sum(sample.rpc_failure_count for sample in samples),
            sum(sample.rpc_call_count for sample in samples),
            limits.rpc_failure_fraction_max,
            limits.sample_count_min,
        )

    def judge_pnl(self, pnl: PnlSnapshot) -> Trip | None:
        """Take the auditor's account; one made before trading was released says nothing."""
        if pnl.header.created_unix_ns < self._since_unix_ns:
            return None
        before, self._pnl = self._pnl, pnl
        if before is not None and before.first_result_unix_ns not in (0, pnl.first_result_unix_ns):
            self._shift_marks(before, pnl)
        return self._failed_trades(before, pnl) or self._drawdown(pnl) or self._daily_loss(before, pnl)

    def _shift_marks(self, before: PnlSnapshot, pnl: PnlSnapshot) -> None:
        """Take the difference out of what is compared with: the account begins later now, nobody traded.

        The stream drops results when they are old, or with its store; what they had earned is no loss.
        """
        if self._peak_profit_lamports is not None:
            self._peak_profit_lamports += pnl.cumulative_profit_lamports - before.cumulative_profit_lamports
        self._day_start_profit_lamports += pnl.day_profit_lamports - before.day_profit_lamports

    def _window(self, health: ServiceHealth, now_unix_ns: int) -> deque[_Sample]:
        sample = _Sample(
            now_unix_ns, health.handled_count, health.error_count, health.rpc_call_count, health.rpc_failure_count
        )
        name = f"{health.service}/{health.instance}"
        self._forget_silent(now_unix_ns)
        if name not in self._samples and len(self._samples) >= SERVICE_COUNT_MAX:
            return deque([sample])
        samples = self._samples.setdefault(name, deque(maxlen=SAMPLE_COUNT_MAX))
        samples.append(sample)
        return samples

    def _forget_silent(self, now_unix_ns: int) -> None:
        for name, samples in list(self._samples.items()):
            while samples and now_unix_ns - samples[0].at_unix_ns >= self._limits.rate_window_ns:
                samples.popleft()
            if not samples:
                del self._samples[name]

    def _failed_trades(self, before: PnlSnapshot | None, pnl: PnlSnapshot) -> Trip | None:
        now_unix_ns = pnl.header.created_unix_ns
        if before is not None and pnl.failed_count > before.failed_count:
            self._failed.append((now_unix_ns, pnl.failed_count - before.failed_count))
        while self._failed and now_unix_ns - self._failed[0][0] >= self._limits.failed_window_ns:
            self._failed.popleft()
        failed_count = sum(count for _, count in self._failed)
        if failed_count > self._limits.failed_trade_count_max:
            return Trip(
                "failed_trades", f"{failed_count} trades failed within {_minutes(self._limits.failed_window_ns)}"
            )
        return None

    def _drawdown(self, pnl: PnlSnapshot) -> Trip | None:
        profit = pnl.cumulative_profit_lamports
        peak = profit if self._peak_profit_lamports is None else max(self._peak_profit_lamports, profit)
        self._peak_profit_lamports = peak
        equity_peak = self._limits.capital_lamports + peak
        share = 1.0 if equity_peak <= 0 else (peak - profit) / equity_peak
        if share > self._limits.drawdown_fraction_max:
            return Trip("drawdown", f"equity is {share:.1%} below its highest")
        return None

    def _daily_loss(self, before: PnlSnapshot | None, pnl: PnlSnapshot) -> Trip | None:
        if before is None:
            released_today = _day(self._since_unix_ns) == _day(pnl.header.created_unix_ns)
            self._day_start_profit_lamports = pnl.day_profit_lamports if released_today else 0
        elif _day(before.header.created_unix_ns) != _day(pnl.header.created_unix_ns):
            self._day_start_profit_lamports = 0
        loss_lamports = self._day_start_profit_lamports - pnl.day_profit_lamports
        if loss_lamports >= self._limits.daily_loss_lamports_max:
            return Trip("daily_loss", f"{loss_lamports} lamports were lost today")
        return None


def _share_trip(
    rule: str, service: str, what: str, part: int, counted: int, share_max: float, count_min: int
) -> Trip | None:
    whole = max(part, counted)
    if whole < count_min or part / whole <= share_max:
        return None
    return Trip(rule, f"{part / whole:.0%} {what}: {service}, {part} of {whole}")


def _day(unix_ns: int) -> int:
    return unix_ns // 86_400_000_000_000


def _minutes(duration_ns: int) -> str:
    return f"{duration_ns / 60e9:g} min"
