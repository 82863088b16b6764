"""Whatever a plan holds, it ends: its result is an event that reads back, and what passes the guards loses no more."""

from dataclasses import replace

from fakes.event_strategies import instances
from fakes.executors import LIMITS, RATES
from fakes.plans import plan as good_plan
from hypothesis import given
from hypothesis import strategies as st

from pipeline.costs import costs_of_plan
from pipeline.executor.guards import Guards
from pipeline.executor.result import failed, filled, refused, result_of
from quote_core.clock import AGE_UNKNOWN_NS, SYSTEM_CLOCK
from quote_core.events import ExecutionMode, ExecutionPlan, decode, encode

LOSS_MAX = 1_000_000
GUARDS = Guards(replace(LIMITS, loss_lamports_max=LOSS_MAX), RATES)
EXTREMES = st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
NEAR = st.integers(-20_000_000, 20_000_000)


@given(instances(ExecutionPlan), EXTREMES)
def test_the_result_of_any_plan_can_be_encoded(plan: ExecutionPlan, amount_out: int) -> None:
    costs = costs_of_plan(plan, RATES)
    for ending in (
        filled(plan, costs, hops=plan.hops, amount_out=amount_out, slot=1),
        failed(costs, "x" * 10_000, reached_chain=True),
        refused(str(GUARDS.refusal(plan, age_ns=0))),
    ):
        result = result_of(
            plan, ending, costs, mode=ExecutionMode.PAPER, executor="one", taken_unix_ns=1, clock=SYSTEM_CLOCK
        )
        assert decode(encode(result)) == result


@given(EXTREMES, EXTREMES, EXTREMES, st.integers(0, 2**32 - 1), NEAR, NEAR, st.integers(-(2**63), 2**63 - 1))
def test_no_plan_that_passes_loses_more_than_the_executor_allows(
    tip: int, priority: int, flash: int, units: int, expected: int, least: int, net: int
) -> None:
    plan = good_plan()
    plan = replace(
        plan,
        tip_lamports=tip,
        priority_fee_lamports=priority % 20_000_000,
        flash_fee_lamports=flash,
        compute_unit_limit=units,
        expected_amount_out=plan.amount_in + expected,
        min_amount_out=plan.amount_in + least,
        net_profit_lamports=net,
    )
    if GUARDS.refusal(plan, age_ns=0) is not None:
        return
    costs = costs_of_plan(plan, RATES)
    worst = filled(plan, costs, hops=(), amount_out=plan.min_amount_out, slot=1)
    assert worst.profit_lamports >= -LOSS_MAX
    most = LIMITS.priority_fee_lamports_max + RATES.signature_fee_lamports * RATES.signature_count
    assert failed(costs, "", reached_chain=True).profit_lamports >= -most


@given(instances(ExecutionPlan), st.integers(0, AGE_UNKNOWN_NS))
def test_any_plan_gets_an_answer_from_the_guards(plan: ExecutionPlan, age_ns: int) -> None:
    found = GUARDS.refusal(plan, age_ns=age_ns)
    assert found is None or len(found) > 0
