"""What the rules measure against, and what one says when it trips."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

__all__ = ["RULE_NAMES", "Limits", "RuleName", "Trip"]

RuleName = Literal[
    "error_rate",
    "rpc_failures",
    "memory",
    "slot_drift",
    "journal",
    "failed_trades",
    "drawdown",
    "daily_loss",
    "no_success",
    "anomaly",
]
RULE_NAMES: Final[tuple[RuleName, ...]] = get_args(RuleName)
"""Every rule there is."""


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
    journal_grace_ns: int = 10_000_000_000
    success_within_ns: int = 0
    """0 = whether any trade succeeds is not looked at."""
    success_trade_count_min: int = 1
    anomaly_z_max: float = 0.0
    """0 = anomalies are not looked for."""
    anomaly_window_count: int = 60
    anomaly_interval_ns: int = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Trip:
    """A rule says stop."""

    rule: RuleName
    reason: str
