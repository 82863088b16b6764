"""Each guard refuses just past its limit, passes at it, and says which it was."""

from dataclasses import replace
from typing import Any

import pytest
from fakes.executors import LIMITS, RATES
from fakes.plans import LIFETIME_NS, SOL

from pipeline.costs import costs_of_plan
from pipeline.executor.guards import GUARD_NAMES, Guards, guard_of
from quote_core.clock import AGE_UNKNOWN_NS, Moment
from quote_core.events import ExecutionPlan
from quote_core.freshness import FRESH_NS_MAX, NEVER_VOUCHED, Freshness

FIELD_MAX = 2**64 - 1
GUARDS = Guards(replace(LIMITS, amount_lamports_max=10**10), RATES)
LOSING = Guards(replace(LIMITS, amount_lamports_max=10**10, loss_lamports_max=10**12), RATES)


def refusal(plan: ExecutionPlan, *, age_ns: int = 0, guards: Guards = GUARDS) -> str | None:
    return guards.refusal(plan, age_ns=age_ns)


def test_a_good_plan_passes(plan: ExecutionPlan) -> None:
    assert refusal(plan) is None


def test_a_plan_may_be_five_seconds_old_and_no_nanosecond_more(plan: ExecutionPlan) -> None:
    plan = replace(plan, freshness=Freshness(plan.created, 3))
    assert refusal(plan, age_ns=5_000_000_000) is None
    assert str(refusal(plan, age_ns=5_000_000_001)).startswith("expired")


def test_a_plan_is_refused_past_its_own_lifetime(plan: ExecutionPlan) -> None:
    short = replace(plan, expires_unix_ns=plan.header.created_unix_ns + 100)
    assert refusal(short, age_ns=100) is None
    assert str(refusal(short, age_ns=101)).startswith("expired")


def test_a_plan_made_at_a_time_that_cannot_be_told_is_expired(plan: ExecutionPlan) -> None:
    assert refusal(plan, age_ns=AGE_UNKNOWN_NS) == "expired: when it was planned cannot be told"


@pytest.mark.parametrize(
    ("state_age_ns", "age_ns", "passes"),
    [
        (FRESH_NS_MAX, 0, True),
        (FRESH_NS_MAX + 1, 0, False),
        (FRESH_NS_MAX - 5, 5, True),
        (FRESH_NS_MAX - 5, 6, False),
        (-1, 0, False),
    ],
)
def test_the_state_a_plan_rests_on_grows_older_with_the_plan(
    plan: ExecutionPlan, state_age_ns: int, age_ns: int, *, passes: bool
) -> None:
    made = replace(plan, freshness=Freshness(plan.created.earlier_by(state_age_ns), 3))
    found = refusal(made, age_ns=age_ns)
    assert found is None if passes else str(found).startswith("stale: ")


def test_a_plan_on_state_that_nobody_vouched_for_is_stale(plan: ExecutionPlan) -> None:
    found = refusal(replace(plan, freshness=NEVER_VOUCHED))
    assert found == "stale: when its pool state was vouched for cannot be told"


def test_another_hosts_wall_clock_says_nothing_of_the_state(plan: ExecutionPlan) -> None:
    """It is an hour ahead there; what counts is what lies between the planner's two moments."""
    ahead = Moment(plan.created.boot_id + 1, 10**12, plan.created.unix_ns + 3_600 * 10**9)
    made = replace(plan, created=ahead, freshness=Freshness(ahead.earlier_by(FRESH_NS_MAX - 5), 3))
    assert refusal(made, age_ns=5) is None
    assert str(refusal(made, age_ns=6)).startswith("stale: ")


@pytest.mark.parametrize(
    ("lifetime_ns", "passes"), [(0, False), (-1, False), (1, True), (LIFETIME_NS, True), (LIFETIME_NS + 1, False)]
)
def test_a_plan_cannot_give_itself_a_longer_life_than_the_executor_allows(
    plan: ExecutionPlan, lifetime_ns: int, *, passes: bool
) -> None:
    found = refusal(replace(plan, expires_unix_ns=plan.header.created_unix_ns + lifetime_ns))
    assert found is None if passes else str(found).startswith("expired: its lifetime")


def test_a_creation_time_at_the_end_of_all_times_expires(plan: ExecutionPlan) -> None:
    endless = replace(plan, header=replace(plan.header, created_unix_ns=FIELD_MAX), expires_unix_ns=FIELD_MAX)
    assert str(refusal(endless)).startswith("expired")


@pytest.mark.parametrize(
    ("changes", "begins"),
    [
        ({"tip_lamports": 10_000_000}, None),
        ({"tip_lamports": 10_000_001}, "costs: tip"),
        ({"tip_lamports": 1_000 * 10**9}, "costs: tip"),
        ({"priority_fee_lamports": 10_000_001}, "costs: priority fee"),
        ({"compute_unit_limit": 1_400_001}, "costs: compute unit limit"),
        ({"net_profit_lamports": -1}, "costs: a net profit"),
        ({"net_profit_lamports": 10_000_001}, "costs: a net profit"),
    ],
)
def test_costs_have_bounds_that_no_plan_loosens(
    plan: ExecutionPlan, changes: dict[str, int], begins: str | None
) -> None:
    found = refusal(replace(plan, **changes), guards=LOSING)
    assert found is None if begins is None else str(found).startswith(begins)


def test_the_least_output_must_pay_the_costs_as_the_executor_computes_them(plan: ExecutionPlan) -> None:
    lying = replace(plan, flash_fee_lamports=0, signature_fee_lamports=0)
    break_even = plan.amount_in + costs_of_plan(lying, RATES).total_lamports
    assert refusal(replace(lying, min_amount_out=break_even)) is None
    assert str(refusal(replace(lying, min_amount_out=break_even - 1))).startswith("loss: its least output may lose 1 ")


def scaled(plan: ExecutionPlan, amount: int) -> ExecutionPlan:
    return replace(plan, amount_in=amount, expected_amount_out=amount, min_amount_out=amount, net_profit_lamports=0)


@pytest.mark.parametrize(("amount", "passes"), [(999, False), (1_000, True), (10**10, True), (10**10 + 1, False)])
def test_the_size_is_bounded_on_both_sides(plan: ExecutionPlan, amount: int, *, passes: bool) -> None:
    found = refusal(scaled(plan, amount), guards=LOSING)
    assert found is None if passes else str(found).startswith("size")


@pytest.mark.parametrize(("expected", "passes"), [(1_100_000_000, True), (1_100_000_001, False), (899_999_999, False)])
def test_the_expected_output_must_lie_in_the_price_band(plan: ExecutionPlan, expected: int, *, passes: bool) -> None:
    found = refusal(replace(plan, expected_amount_out=expected, min_amount_out=expected))
    assert found is None if passes else str(found).startswith("price band")


@pytest.mark.parametrize(
    ("least", "passes"), [(999_900_000, True), (999_899_999, False), (0, False), (1_010_000_000, True)]
)
def test_the_tolerance_is_bounded(plan: ExecutionPlan, least: int, *, passes: bool) -> None:
    found = refusal(replace(plan, min_amount_out=least), guards=LOSING)
    assert found is None if passes else str(found).startswith("slippage")


def test_a_least_output_above_the_expected_one_is_refused(plan: ExecutionPlan) -> None:
    assert str(refusal(replace(plan, min_amount_out=plan.expected_amount_out + 1))).startswith("slippage")


@pytest.mark.parametrize(
    ("leasts", "passes"),
    [
        ((), True),
        ((138_600_000, 1_005_000_000), True),
        ((1_005_000_000,), False),
        ((138_600_000, 1_004_999_999), False),
        ((1, 138_600_000, 1_005_000_000), False),
    ],
)
def test_least_outputs_of_hops_are_one_a_hop_and_end_with_the_trips(
    plan: ExecutionPlan, leasts: tuple[int, ...], *, passes: bool
) -> None:
    found = refusal(replace(plan, hop_min_amounts_out=leasts))
    assert found is None if passes else str(found).startswith("slippage: its 2 hops")


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


def test_a_route_has_four_hops_at_most(plan: ExecutionPlan) -> None:
    assert refusal(replace(plan, hops=plan.hops * 2), guards=LOSING) is None
    assert str(refusal(replace(plan, hops=plan.hops * 3), guards=LOSING)).startswith("route")


def test_a_refusal_is_counted_by_its_guard_whatever_else_its_reason_says() -> None:
    assert [guard_of(f"{name.replace('_', ' ')}: {number}") for number, name in enumerate(GUARD_NAMES)] == [
        *GUARD_NAMES
    ]
    assert {guard_of(f"reason {number}: of another executor") for number in range(5_000)} == {"other"}
