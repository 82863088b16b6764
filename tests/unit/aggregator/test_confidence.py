import math

import pytest

from aggregator.confidence import (
    CAP_LIMITS,
    Cap,
    CapReason,
    Confidence,
    Decision,
    Factors,
    caps_of,
    decide,
    expected_slippage,
    score,
)


def scored(**changes: float | None) -> Confidence:
    evidence: dict[str, float | None] = {
        "age_s": 0.0,
        "hop_count": 1,
        "rate": 100.0,
        "oracle_rate": 100.0,
        "uptime": 1.0,
        "slippage_expected": 0.001,
        "slippage_actual": 0.001,
    }
    return score(**{**evidence, **changes})  # type: ignore[arg-type]  # a table of plain numbers


def test_young_direct_quote_near_the_oracle_may_be_executed() -> None:
    confidence = scored(age_s=3.0, rate=100.2)
    assert confidence.score == pytest.approx(0.30 * 0.95 + 0.20 + 0.30 * 0.98 + 0.10 + 0.10)
    assert confidence.score > 0.9
    assert decide(confidence.score) is Decision.EXECUTE


def test_old_three_hop_quote_far_from_the_oracle_is_skipped() -> None:
    confidence = scored(age_s=45.0, hop_count=3, rate=92.0)
    assert confidence.score == pytest.approx(0.30 * 0.25 + 0.20 * 0.6 + 0.30 * 0.2 + 0.10 + 0.10)
    assert confidence.score < 0.5
    assert decide(confidence.score) is Decision.SKIP


@pytest.mark.parametrize(
    ("changes", "factor", "value"),
    [
        ({"age_s": 60.0}, "pool_age", 0.0),
        ({"age_s": 600.0}, "pool_age", 0.0),
        ({"age_s": -1.0}, "pool_age", 1.0),
        ({"hop_count": 2}, "route", 0.8),
        ({"hop_count": 7}, "route", 0.0),
        ({"rate": 110.0}, "oracle", 0.0),
        ({"rate": 99.0}, "oracle", 0.9),
        ({"oracle_disagreement": 0.02}, "oracle", 0.8),
        ({"rate": 99.0, "oracle_disagreement": 0.03}, "oracle", 0.6),
        ({"oracle_disagreement": 0.1}, "oracle", 0.0),
        ({"oracle_rate": None, "oracle_disagreement": 0.02}, "oracle", 0.0),
        ({"oracle_rate": None}, "oracle", 0.0),
        ({"oracle_rate": 0.0}, "oracle", 0.0),
        ({"oracle_rate": math.nan}, "oracle", 0.0),
        ({"uptime": 0.5}, "provider", 0.5),
        ({"slippage_actual": 0.002}, "slippage", 0.5),
        ({"slippage_actual": 0.0}, "slippage", 1.0),
        ({"slippage_actual": 0.0, "slippage_expected": 0.00005}, "slippage", 0.5),
    ],
)
def test_each_factor_follows_its_row_of_the_table(changes: dict[str, float | None], factor: str, value: float) -> None:
    assert getattr(scored(**changes).factors, factor) == pytest.approx(value)


def test_a_rate_that_is_not_a_number_scores_nothing_for_the_oracle() -> None:
    assert scored(rate=math.nan).factors.oracle == 0.0


@pytest.mark.parametrize(
    ("value", "decision"),
    [
        (1.0, Decision.EXECUTE),
        (0.9, Decision.EXECUTE),
        (0.8999, Decision.VERIFY),
        (0.7, Decision.VERIFY),
        (0.6999, Decision.CAUTIOUS),
        (0.5, Decision.CAUTIOUS),
        (0.4999, Decision.SKIP),
        (0.0, Decision.SKIP),
    ],
)
def test_decisions_change_exactly_at_their_limits(value: float, decision: Decision) -> None:
    assert decide(value) is decision


def test_expected_slippage_is_one_percent_at_the_depth_and_linear_below() -> None:
    assert expected_slippage(1_000, 1_000) == pytest.approx(0.01)
    assert expected_slippage(500, 1_000) == pytest.approx(0.005)


def test_expected_slippage_is_never_below_one_basis_point() -> None:
    assert expected_slippage(1, 10**12) == 0.0001
    assert expected_slippage(1, 0) == 0.0001


def capped(value: float, **changes: float | None) -> Confidence:
    evidence = {"price_impact": 0.0, "rate": 100.0, "oracle_rate": 100.0, "is_stale": False, **changes}
    caps = caps_of(**evidence, limits=CAP_LIMITS)  # type: ignore[arg-type]  # a table of plain values
    return Confidence(value, Factors(1.0, 1.0, 1.0, 1.0, 1.0), caps)


@pytest.mark.parametrize(
    ("evidence", "reasons", "decision"),
    [
        ({"price_impact": 0.01}, [], Decision.EXECUTE),
        ({"price_impact": 0.0101}, [CapReason.PRICE_IMPACT], Decision.CAUTIOUS),
        ({"price_impact": 0.05}, [CapReason.PRICE_IMPACT], Decision.CAUTIOUS),
        ({"price_impact": 0.0501}, [CapReason.PRICE_IMPACT], Decision.SKIP),
        ({"rate": 110.0}, [], Decision.EXECUTE),
        ({"rate": 110.1}, [CapReason.ORACLE_DEVIATION], Decision.SKIP),
        ({"rate": 89.9}, [CapReason.ORACLE_DEVIATION], Decision.SKIP),
        ({"rate": 1.0, "oracle_rate": None}, [], Decision.EXECUTE),
        ({"is_stale": True}, [CapReason.STALE], Decision.SKIP),
        ({"price_impact": 0.9999, "rate": 0.01}, [CapReason.PRICE_IMPACT, CapReason.ORACLE_DEVIATION], Decision.SKIP),
    ],
)
def test_what_no_score_makes_up_for_is_named_and_caps_the_decision(
    evidence: dict[str, float | None], reasons: list[CapReason], decision: Decision
) -> None:
    confidence = capped(1.0, **evidence)
    assert [cap.reason for cap in confidence.caps] == reasons
    assert (confidence.score, confidence.decision) == (1.0, decision)
    assert decide(confidence.capped_score) is decision


def test_a_cap_lowers_and_never_raises() -> None:
    assert capped(0.6, price_impact=0.02).capped_score == 0.6
    assert capped(0.2, price_impact=0.02).decision is Decision.SKIP


def test_a_cap_says_what_was_found_and_what_it_is_above_of() -> None:
    (cap,) = capped(1.0, price_impact=0.2).caps
    assert cap == Cap(CapReason.PRICE_IMPACT, 0.2, 0.05, Decision.SKIP)
