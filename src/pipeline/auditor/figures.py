"""The figures of an account as JSON, CSV and Parquet name them; what they mean: `pipeline/auditor/ledger.py`."""

from typing import Final

from pipeline.auditor.ledger import Ledger

__all__ = ["FIGURES", "figures_of"]

FIGURES: Final = {
    "trade_count": "integer",
    "filled_count": "integer",
    "missed_count": "integer",
    "failed_count": "integer",
    "refused_count": "integer",
    "win_rate": "float",
    "cumulative_profit_lamports": "integer",
    "naive_profit_lamports": "integer",
    "taken_effect_lamports": "integer",
    "latency_effect_lamports": "integer",
    "rivals_effect_lamports": "integer",
    "filled_profit_lamports": "integer",
    "expected_profit_lamports": "integer",
    "average_profit_lamports": "float",
    "cost_lamports": "integer",
    "flash_fee_lamports": "integer",
    "tip_lamports": "integer",
    "network_fee_lamports": "integer",
    "network_fee_per_trade_lamports": "float",
    "tip_per_trade_lamports": "float",
    "sharpe_ratio": "float",
    "sortino_ratio": "float",
    "max_drawdown_lamports": "integer",
    "max_drawdown_fraction": "float",
    "turnover_lamports": "integer",
    "largest_amount_lamports": "integer",
    "average_exposure_lamports": "float",
}
"""What each is; the profit of a day is not among them, since it is of whoever asks when."""


def figures_of(ledger: Ledger) -> dict[str, float]:
    """Each figure of the ledger."""
    return {name: getattr(ledger, name) for name in FIGURES}
