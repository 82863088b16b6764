"""Limits of the system manager's rules that a test can reach with small numbers, and a noon to count from."""

from pipeline.system_manager.rules import Limits

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
NOON_NS = 20_000 * DAY_NS + DAY_NS // 2
LIMITS = Limits(
    error_rate_fraction_max=0.5,
    rpc_failure_fraction_max=0.8,
    memory_fraction_max=0.9,
    slot_drift_max=300,
    failed_trade_count_max=10,
    drawdown_fraction_max=0.1,
    daily_loss_lamports_max=5_000,
    capital_lamports=100_000,
    rate_window_ns=60 * SECOND_NS,
    failed_window_ns=300 * SECOND_NS,
    sample_count_min=10,
    journal_grace_ns=10 * SECOND_NS,
    success_within_ns=6 * 3_600 * SECOND_NS,
    success_trade_count_min=20,
)
