"""The risk score: 0 is none, 1 is all; lower is better, and the lowest plan goes first.

    risk = 0.3 (age_ms / 5000) + 0.3 (1 - profit_pct / 5) + 0.2 (1 - confidence) + 0.2 (slippage_bps / 100)

each term clamped to [0, its weight]. The profit is what remains after all costs.
"""

__all__ = ["risk_score"]

AGE_WEIGHT = 0.3
PROFIT_WEIGHT = 0.3
CONFIDENCE_WEIGHT = 0.2
SLIPPAGE_WEIGHT = 0.2
AGE_MS_FULL = 5_000
PROFIT_PCT_FREE = 5
SLIPPAGE_BPS_FULL = 100


def risk_score(*, age_ms: float, profit_pct: float, confidence: float, slippage_bps: float) -> float:
    """The score of one opportunity.

    Args:
        age_ms: Since its quotes were made.
        profit_pct: Net, in percent of the amount.
        confidence: 0 to 1.
        slippage_bps: Price impact of all hops.
    """
    return (
        _term(AGE_WEIGHT, age_ms / AGE_MS_FULL)
        + _term(PROFIT_WEIGHT, 1 - profit_pct / PROFIT_PCT_FREE)
        + _term(CONFIDENCE_WEIGHT, 1 - confidence)
        + _term(SLIPPAGE_WEIGHT, slippage_bps / SLIPPAGE_BPS_FULL)
    )


def _term(weight: float, value: float) -> float:
    return weight * min(1.0, max(0.0, value))
