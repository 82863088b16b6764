"""How a plan ended, as an event. Its id follows from the plan's, so that a result published twice is stored once.

| outcome   | when                                                    | costs counted                              |
|-----------|---------------------------------------------------------|--------------------------------------------|
| FILLED    | the route gives at least the plan's least output        | flash-loan fee, tip, network fee           |
| FAILED    | started and not filled                                  | network fee, if it reached the chain: the  |
|           |                                                         | transaction reverts, fee and tip with it   |
| REFUSED   | not started: expired, or a guard forbids it             | none                                       |
| ABANDONED | expired in the hands of an executor that did not finish | none                                       |
"""

from dataclasses import dataclass

from quote_core.clock import Clock
from quote_core.events import ExecutionMode, ExecutionPlan, ExecutionResult, Hop, Outcome, derived_id, stamp

__all__ = ["Ending", "failed", "filled", "not_started", "result_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What execution came to; the costs are those really paid."""

    outcome: Outcome
    reason: str = ""
    hops: tuple[Hop, ...] = ()
    slot: int = 0
    actual_amount_out: int = 0
    profit_lamports: int = 0
    flash_fee_lamports: int = 0
    tip_lamports: int = 0
    network_fee_lamports: int = 0


def filled(plan: ExecutionPlan, *, hops: tuple[Hop, ...], amount_out: int, slot: int) -> Ending:
    """The route gave `amount_out`, at least what the plan asks for."""
    network_fee_lamports = _network_fee(plan)
    costs_lamports = plan.flash_fee_lamports + plan.tip_lamports + network_fee_lamports
    return Ending(
        outcome=Outcome.FILLED,
        hops=hops,
        slot=slot,
        actual_amount_out=amount_out,
        profit_lamports=amount_out - plan.amount_in - costs_lamports,
        flash_fee_lamports=plan.flash_fee_lamports,
        tip_lamports=plan.tip_lamports,
        network_fee_lamports=network_fee_lamports,
    )


def failed(plan: ExecutionPlan, reason: str, *, reached_chain: bool, slot: int = 0) -> Ending:
    """Started and not filled."""
    network_fee_lamports = _network_fee(plan) if reached_chain else 0
    return Ending(
        outcome=Outcome.FAILED,
        reason=reason,
        slot=slot,
        profit_lamports=-network_fee_lamports,
        network_fee_lamports=network_fee_lamports,
    )


def not_started(reason: str, *, taken_before: bool) -> Ending:
    """Refused, or abandoned when an executor had it before and did not finish."""
    return Ending(outcome=Outcome.ABANDONED if taken_before else Outcome.REFUSED, reason=reason)


def result_of(
    plan: ExecutionPlan, ending: Ending, *, mode: ExecutionMode, executor: str, taken_unix_ns: int, clock: Clock
) -> ExecutionResult:
    """The event; created, and finished, now."""
    result_id = derived_id("result", plan.header.event_id)
    header = stamp(clock, event_id=result_id, slot=ending.slot or plan.header.slot, trace=plan.header.trace)
    return ExecutionResult(
        header=header,
        plan_id=plan.header.event_id,
        opportunity_id=plan.opportunity_id,
        pair=plan.pair,
        outcome=ending.outcome,
        mode=mode,
        reason=ending.reason,
        hops=ending.hops,
        amount_in=plan.amount_in,
        expected_amount_out=plan.expected_amount_out,
        actual_amount_out=ending.actual_amount_out,
        expected_profit_lamports=plan.net_profit_lamports,
        profit_lamports=ending.profit_lamports,
        flash_fee_lamports=ending.flash_fee_lamports,
        tip_lamports=ending.tip_lamports,
        network_fee_lamports=ending.network_fee_lamports,
        opportunity_created_unix_ns=plan.opportunity_created_unix_ns,
        plan_created_unix_ns=plan.header.created_unix_ns,
        taken_unix_ns=taken_unix_ns,
        finished_unix_ns=header.created_unix_ns,
        executor=executor,
    )


def _network_fee(plan: ExecutionPlan) -> int:
    return plan.signature_fee_lamports + plan.priority_fee_lamports
