"""Each guard refuses just past its limit, passes at it, and says which it was."""

from dataclasses import replace
from typing import Any

import pytest
from fakes.plans import SOL

from pipeline.executor.guards import REMEMBERED_COUNT_MAX, GuardLimits, Guards
from quote_core.events import ExecutionPlan
from quote_core.units import Pubkey

LIMITS = GuardLimits(
    plan_age_ns_max=5_000_000_000,
    amount_lamports_min=1_000,
    amount_lamports_max=10**10,
    price_band_bps=1_000,
    slippage_bps_max=100,
    pool_rest_ns=1_000,
    sol_mint=SOL,
)


def refusal(plan: ExecutionPlan, *, age_ns: int = 0) -> str | None:
    return Guards(LIMITS).refusal(plan, now_unix_ns=plan.header.created_unix_ns + age_ns)


def test_a_good_plan_passes(plan: ExecutionPlan) -> None:
    assert refusal(plan) is None


def test_a_plan_may_be_five_seconds_old_and_no_nanosecond_more(plan: ExecutionPlan) -> None:
    assert refusal(plan, age_ns=5_000_000_000) is None
    assert str(refusal(plan, age_ns=5_000_000_001)).startswith("expired")


def test_a_plan_is_refused_past_its_own_expiry(plan: ExecutionPlan) -> None:
    short = replace(plan, expires_unix_ns=plan.header.created_unix_ns + 100)
    assert refusal(short, age_ns=100) is None
    assert str(refusal(short, age_ns=101)).startswith("expired")


def scaled(plan: ExecutionPlan, amount: int) -> ExecutionPlan:
    return replace(plan, amount_in=amount, expected_amount_out=amount, min_amount_out=amount)


@pytest.mark.parametrize(("amount", "passes"), [(999, False), (1_000, True), (10**10, True), (10**10 + 1, False)])
def test_the_size_is_bounded_on_both_sides(plan: ExecutionPlan, amount: int, *, passes: bool) -> None:
    found = refusal(scaled(plan, amount))
    assert found is None if passes else str(found).startswith("size")


@pytest.mark.parametrize(
    ("expected", "passes"), [(900_000_000, True), (899_999_999, False), (1_100_000_000, True), (1_100_000_001, False)]
)
def test_the_expected_output_must_lie_in_the_price_band(plan: ExecutionPlan, expected: int, *, passes: bool) -> None:
    found = refusal(replace(plan, expected_amount_out=expected, min_amount_out=expected))
    assert found is None if passes else str(found).startswith("price band")


@pytest.mark.parametrize(("least", "passes"), [(999_900_000, True), (999_899_999, False), (0, False)])
def test_the_tolerance_is_bounded(plan: ExecutionPlan, least: int, *, passes: bool) -> None:
    found = refusal(replace(plan, min_amount_out=least))
    assert found is None if passes else str(found).startswith("slippage")


def broken_routes(plan: ExecutionPlan) -> dict[str, tuple[Any, ...]]:
    there, back = plan.hops
    return {
        "no hops": (),
        "does not begin with SOL": (back,),
        "does not end with SOL": (there,),
        "does not connect": (there, replace(back, input_mint=SOL)),
    }


@pytest.mark.parametrize("case", ["no hops", "does not begin with SOL", "does not end with SOL", "does not connect"])
def test_only_a_connected_round_trip_from_sol_passes(plan: ExecutionPlan, case: str) -> None:
    assert str(refusal(replace(plan, hops=broken_routes(plan)[case]))).startswith("route")


def another(plan: ExecutionPlan, *, opportunity_id: bytes | None = None) -> ExecutionPlan:
    second = replace(plan, header=replace(plan.header, event_id=b"second".ljust(16)))
    return second if opportunity_id is None else replace(second, opportunity_id=opportunity_id)


def test_a_second_plan_for_an_opportunity_is_a_duplicate(plan: ExecutionPlan) -> None:
    guards = Guards(LIMITS)
    now = plan.header.created_unix_ns
    assert guards.refusal(plan, now_unix_ns=now) is None
    assert str(guards.refusal(another(plan), now_unix_ns=now + 1_000)).startswith("duplicate: plan")


def test_a_pool_just_traded_rests_and_not_a_nanosecond_longer(plan: ExecutionPlan) -> None:
    guards = Guards(LIMITS)
    now = plan.header.created_unix_ns
    assert guards.refusal(plan, now_unix_ns=now) is None
    other = another(plan, opportunity_id=b"other".ljust(16))
    assert str(guards.refusal(other, now_unix_ns=now + 999)).startswith("duplicate: pool")
    assert guards.refusal(other, now_unix_ns=now + 1_000) is None


def test_a_refused_plan_takes_neither_its_opportunity_nor_its_pools(plan: ExecutionPlan) -> None:
    guards = Guards(LIMITS)
    now = plan.header.created_unix_ns
    assert guards.refusal(replace(plan, amount_in=1), now_unix_ns=now) is not None
    assert guards.refusal(another(plan), now_unix_ns=now) is None


def test_the_opportunities_and_pools_remembered_are_bounded(plan: ExecutionPlan) -> None:
    guards = Guards(replace(LIMITS, pool_rest_ns=0))
    for number in range(REMEMBERED_COUNT_MAX + 10):
        there, back = plan.hops
        fresh = replace(there, pool_id=Pubkey(f"pool {number}"))
        other = replace(plan, opportunity_id=number.to_bytes(16, "big"), hops=(fresh, back))
        assert guards.refusal(other, now_unix_ns=plan.header.created_unix_ns) is None
    assert len(guards._plan_by_opportunity) == len(guards._traded_unix_ns) == REMEMBERED_COUNT_MAX
