import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.planner.risk import WEIGHTS, RiskFigures, risk_terms


def risk_score(age_ms: float, profit_pct: float, confidence: float, slippage_bps: float) -> float:
    return risk_terms(RiskFigures(age_ms, profit_pct, confidence, slippage_bps)).score


@pytest.mark.parametrize(
    ("age_ms", "profit_pct", "confidence", "slippage_bps", "expected"),
    [
        (0, 5, 1, 0, 0.0),
        (5_000, 0, 0, 100, 1.0),
        (2_500, 2.5, 0.5, 50, 0.5),
        (1_000, 1, 0.9, 20, 0.3 * 0.2 + 0.3 * 0.8 + 0.2 * 0.1 + 0.2 * 0.2),
        (50_000, -10, -1, 1_000, 1.0),  # every term is clamped to its weight
        (-1, 50, 2, -5, 0.0),  # and to nothing
    ],
)
def test_fixed_points(
    age_ms: float, profit_pct: float, confidence: float, slippage_bps: float, expected: float
) -> None:
    assert risk_score(age_ms, profit_pct, confidence, slippage_bps) == pytest.approx(expected)


FINITE = st.floats(-1e9, 1e9)


@given(FINITE, FINITE, FINITE, FINITE)
def test_the_score_is_between_none_and_all(age: float, profit: float, confidence: float, slippage: float) -> None:
    terms = risk_terms(RiskFigures(age, profit, confidence, slippage))
    assert all(0.0 <= term <= weight for term, weight in zip(terms, WEIGHTS, strict=True))
    assert 0.0 <= terms.score <= 1.0 + 1e-12


@given(FINITE, FINITE, st.floats(0, 1e6))
def test_more_profit_is_never_more_risk(age: float, profit: float, more: float) -> None:
    assert risk_score(age, profit + more, 0.8, 10) <= risk_score(age, profit, 0.8, 10)
