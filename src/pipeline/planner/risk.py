"""The risk score: 0 is none, 1 is all; lower is better, and the lowest plan goes first.

    risk = 0.3 (age_ms / 5000) + 0.3 (1 - profit_pct / 5) + 0.2 (1 - confidence) + 0.2 (slippage_bps / 100)

each term clamped to [0, its weight]. The profit is what remains after all costs.
"""

from typing import Final, NamedTuple

__all__ = ["AGE_MS_FULL", "PROFIT_PCT_FREE", "SLIPPAGE_BPS_FULL", "WEIGHTS", "RiskFigures", "RiskTerms", "risk_terms"]

AGE_MS_FULL: Final = 5_000
PROFIT_PCT_FREE: Final = 5
SLIPPAGE_BPS_FULL: Final = 100


class RiskFigures(NamedTuple):
    """What one opportunity's score is made of.

    Attributes:
        age_ms: Since its quotes were made.
        profit_pct: Net, in percent of the amount.
        confidence: 0 to 1.
        slippage_bps: Price impact of all hops.
    """

    age_ms: float
    profit_pct: float
    confidence: float
    slippage_bps: float


class RiskTerms(NamedTuple):
    """One number for each term."""

    age: float
    profit: float
    confidence: float
    slippage: float

    @property
    def score(self) -> float:
        """All terms together. Not by `sum`, which adds otherwise in newer Pythons, to other last digits."""
        return self.age + self.profit + self.confidence + self.slippage


WEIGHTS: Final = RiskTerms(age=0.3, profit=0.3, confidence=0.2, slippage=0.2)


def risk_terms(figures: RiskFigures) -> RiskTerms:
    """The terms of one opportunity's score."""
    return RiskTerms(
        age=_term(WEIGHTS.age, figures.age_ms / AGE_MS_FULL),
        profit=_term(WEIGHTS.profit, 1 - figures.profit_pct / PROFIT_PCT_FREE),
        confidence=_term(WEIGHTS.confidence, 1 - figures.confidence),
        slippage=_term(WEIGHTS.slippage, figures.slippage_bps / SLIPPAGE_BPS_FULL),
    )


def _term(weight: float, value: float) -> float:
    return weight * min(1.0, max(0.0, value))
