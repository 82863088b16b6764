"""The result event: tied to its plan, the same id whoever makes it."""

import pytest
from fakes.executors import RATES
from fakes.fake_clock import FakeClock

from pipeline.costs import costs_of_plan
from pipeline.executor.result import Ending, abandoned, filled, refused, result_of
from quote_core.events import ExecutionMode, ExecutionPlan, ExecutionResult, Outcome, decode, encode, subject_of

FINISHED_UNIX_NS = 1_000_000_002_000_000_000


def result(plan: ExecutionPlan, ending: Ending, *, executor: str = "one") -> ExecutionResult:
    return result_of(
        plan,
        ending,
        costs_of_plan(plan, RATES),
        mode=ExecutionMode.PAPER,
        executor=executor,
        taken_unix_ns=5,
        clock=FakeClock(unix_ns=FINISHED_UNIX_NS),
    )


def test_two_executors_give_the_same_plan_the_same_result_id_and_subject(plan: ExecutionPlan) -> None:
    one = result(plan, filled(plan, costs_of_plan(plan, RATES), hops=plan.hops, amount_out=1_010_000_000, slot=9))
    other = result(plan, abandoned("one"), executor="other")
    assert one.header.event_id == other.header.event_id
    assert subject_of(one) == subject_of(other) == f"executed.SOL-USDC.{plan.header.event_id.hex()}"


def test_it_says_what_was_expected_and_what_came(plan: ExecutionPlan) -> None:
    one = result(plan, filled(plan, costs_of_plan(plan, RATES), hops=plan.hops, amount_out=1_010_000_000, slot=9))
    assert (one.expected_profit_lamports, one.profit_lamports) == (9_480_000, 9_480_000)
    assert (one.plan_id, one.opportunity_id) == (plan.header.event_id, plan.opportunity_id)
    assert (one.header.slot, one.finished_unix_ns, one.taken_unix_ns) == (9, FINISHED_UNIX_NS, 5)


@pytest.mark.parametrize(
    ("ending", "outcome"), [(refused("expired"), Outcome.REFUSED), (abandoned("one"), Outcome.ABANDONED)]
)
def test_what_was_not_executed_costs_nothing(plan: ExecutionPlan, ending: Ending, outcome: Outcome) -> None:
    one = result(plan, ending)
    assert (one.outcome, one.profit_lamports, one.hops, one.header.slot) == (outcome, 0, (), 3)


def test_it_survives_the_wire(plan: ExecutionPlan) -> None:
    one = result(plan, filled(plan, costs_of_plan(plan, RATES), hops=plan.hops, amount_out=1_000_000_000, slot=9))
    assert one.profit_lamports < 0
    assert decode(encode(one)) == one
