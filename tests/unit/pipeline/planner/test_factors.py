import dataclasses
from typing import Any

import pytest
from fakes.pipeline_events import POOL_A, POOL_B

from pipeline.planner.factors import Candidate, judge
from pipeline.planner.settings import PlannerSettings
from quote_core.events import Rejection
from quote_core.settings import SettingsError
from quote_core.units import LAMPORTS_PER_SOL

MS = 1_000_000
LIMITS = PlannerSettings().limits()
GOOD = Candidate(
    amount_in=LAMPORTS_PER_SOL,
    amount_out=LAMPORTS_PER_SOL * 101 // 100,
    costs_lamports=515_000,
    confidence_bps=9_500,
    opportunity_age_ns=100 * MS,
    quote_age_ns=200 * MS,
    price_impact_ppm=300,
    pool_state_age_ns=300 * MS,
    hop_amounts=(LAMPORTS_PER_SOL, 140_000_000),
    depth_amounts=(10**13, 10**13),
    pools=(POOL_A, POOL_B),
)
FREE = dataclasses.replace(LIMITS, risk_below=2.0)  # so that one factor at a time decides


def test_a_good_one_is_accepted_with_its_risk() -> None:
    verdict = judge(GOOD, LIMITS)
    assert verdict.is_accepted
    profit_pct = 100 * (10_000_000 - 515_000) / LAMPORTS_PER_SOL
    expected = 0.3 * 200 / 5_000 + 0.3 * (1 - profit_pct / 5) + 0.2 * 0.05 + 0.2 * 3 / 100
    assert verdict.risk == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount_out": LAMPORTS_PER_SOL + 4_999_999}, Rejection.PROFIT),  # 49.99 bps gross
        ({"amount_out": LAMPORTS_PER_SOL + 5_000_000, "costs_lamports": 2_000_001}, Rejection.PROFIT),  # 29.99 net
        ({"amount_out": LAMPORTS_PER_SOL * 11 // 10 + 1}, Rejection.TOO_GOOD),
        ({"confidence_bps": 7_000}, Rejection.CONFIDENCE),
        ({"opportunity_age_ns": 2_000 * MS}, Rejection.AGE),
        ({"quote_age_ns": 5_000 * MS}, Rejection.AGE),
        ({"depth_amounts": (LAMPORTS_PER_SOL - 1, 10**13)}, Rejection.AMOUNT),
        ({"price_impact_ppm": 10_000}, Rejection.SLIPPAGE),
        ({"pool_state_age_ns": 5_000 * MS}, Rejection.RISK),
    ],
)
def test_each_factor_has_its_own_reason(change: dict[str, Any], reason: Rejection) -> None:
    assert judge(dataclasses.replace(GOOD, **change), FREE).rejections == (reason,)


@pytest.mark.parametrize(
    "change",
    [
        {"amount_out": LAMPORTS_PER_SOL + 5_000_000, "costs_lamports": 2_000_000},  # 50 gross, 30 net
        {"amount_out": LAMPORTS_PER_SOL * 11 // 10},
        {"confidence_bps": 7_001},
        {"opportunity_age_ns": 2_000 * MS - 1},
        {"quote_age_ns": 5_000 * MS - 1},
        {"depth_amounts": (LAMPORTS_PER_SOL, 140_000_000)},
        {"price_impact_ppm": 9_999},
        {"pool_state_age_ns": 5_000 * MS - 1},
    ],
)
def test_each_factor_accepts_its_very_limit(change: dict[str, Any]) -> None:
    assert judge(dataclasses.replace(GOOD, **change), FREE).is_accepted


@pytest.mark.parametrize(
    ("amount_in", "is_accepted"), [(999, False), (1_000, True), (10**13, True), (10**13 + 1, False)]
)
def test_the_amount_has_a_least_and_a_largest(amount_in: int, is_accepted: bool) -> None:
    candidate = dataclasses.replace(
        GOOD, amount_in=amount_in, amount_out=amount_in * 101 // 100, costs_lamports=0, hop_amounts=(), depth_amounts=()
    )
    assert (Rejection.AMOUNT not in judge(candidate, FREE).rejections) is is_accepted


def test_a_pool_on_the_block_list_is_a_risk() -> None:
    limits = PlannerSettings(blocked_pools=f" {POOL_B} ,").limits()
    assert judge(GOOD, limits).rejections == (Rejection.RISK,)


def test_a_score_at_the_limit_is_a_risk() -> None:
    limits = dataclasses.replace(LIMITS, risk_below=judge(GOOD, LIMITS).risk)
    assert judge(GOOD, limits).rejections == (Rejection.RISK,)


def test_every_reason_is_given_not_only_the_first() -> None:
    bad = dataclasses.replace(GOOD, confidence_bps=0, quote_age_ns=60_000 * MS, price_impact_ppm=50_000)
    assert {Rejection.CONFIDENCE, Rejection.AGE, Rejection.SLIPPAGE} <= set(judge(bad, LIMITS).rejections)


def test_a_blocked_pool_that_is_no_address_is_a_setting_refused() -> None:
    with pytest.raises(SettingsError, match=r"SOLQUOTE_PLANNER_BLOCKED_POOLS.*base58"):
        PlannerSettings.load(environ={"SOLQUOTE_PLANNER_BLOCKED_POOLS": "not-a-pool"})
