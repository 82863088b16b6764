"""How a plan ended, as an event. Its id follows from the plan's, whoever concludes it.

| outcome   | when                                                    | costs counted                              |
|-----------|---------------------------------------------------------|--------------------------------------------|
| FILLED    | the route gives at least the plan's least output        | flash-loan fee, tip, network fee           |
| FAILED    | started and not filled                                  | network fee, if it reached the chain: the  |
|           |                                                         | transaction reverts, fee and tip with it   |
| MISSED    | sent on paper in time, and no longer worth it when it   | network fee                                |
|           | landed: `pipeline.executor.paper_model`                 |                                            |
| REFUSED   | not begun: expired, or a guard forbids it               | none                                       |
| ABANDONED | begun by an executor that did not finish it             | none                                       |

Costs are the executor's own (`pipeline.costs.costs_of_plan`). A plan may hold anything, and its result is an event all
the same: what a plan makes larger than a field is cut to the field's largest value.
"""

from dataclasses import dataclass, replace
from typing import Final

from pipeline.costs import Costs
from quote_core.clock import Clock
from quote_core.events import (
    ExecutionMode,
    ExecutionPlan,
    ExecutionResult,
    Hop,
    Outcome,
    TakenDepth,
    derived_id,
    stamp,
)
from quote_core.telemetry.traces import created_in
from quote_core.units import I64_MAX, U64_MAX

__all__ = ["Effects", "Ending", "abandoned", "failed", "filled", "missed", "refused", "result_id_of", "result_of"]

REASON_CHARS_MAX: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What each model of paper trading added to the profit, in lamports; mostly below zero."""

    taken: int = 0
    latency: int = 0
    rivals: int = 0

    @property
    def total(self) -> int:
        """All together: the profit told, less what a naive fill would have made."""
        return self.taken + self.latency + self.rivals


NO_EFFECTS: Final = Effects()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What execution came to; the costs are those really paid. `taken` counts as taken from now on."""

    outcome: Outcome
    reason: str = ""
    hops: tuple[Hop, ...] = ()
    slot: int = 0
    actual_amount_out: int = 0
    profit_lamports: int = 0
    flash_fee_lamports: int = 0
    tip_lamports: int = 0
    network_fee_lamports: int = 0
    effects: Effects = NO_EFFECTS
    taken: tuple[TakenDepth, ...] = ()


def filled(plan: ExecutionPlan, costs: Costs, *, hops: tuple[Hop, ...], amount_out: int, slot: int) -> Ending:
    """The route gave `amount_out`, at least what the plan asks for."""
    return Ending(
        outcome=Outcome.FILLED,
        hops=hops,
        slot=slot,
        actual_amount_out=amount_out,
        profit_lamports=amount_out - plan.amount_in - costs.total_lamports,
        flash_fee_lamports=costs.flash_fee_lamports,
        tip_lamports=costs.tip_lamports,
        network_fee_lamports=costs.network_fee_lamports,
    )


def failed(costs: Costs, reason: str, *, reached_chain: bool, slot: int = 0) -> Ending:
    """Started and not filled."""
    network_fee_lamports = costs.network_fee_lamports if reached_chain else 0
    return Ending(
        outcome=Outcome.FAILED,
        reason=reason,
        slot=slot,
        profit_lamports=-network_fee_lamports,
        network_fee_lamports=network_fee_lamports,
    )


def missed(costs: Costs, reason: str, *, slot: int) -> Ending:
    """Sent on paper, and too late."""
    return replace(failed(costs, reason, reached_chain=True, slot=slot), outcome=Outcome.MISSED)


def refused(reason: str) -> Ending:
    """Not begun."""
    return Ending(outcome=Outcome.REFUSED, reason=reason)


def abandoned(executor: str) -> Ending:
    """Begun by `executor`, of which no ending was ever heard."""
    return Ending(outcome=Outcome.ABANDONED, reason=f"begun by {executor}, which did not finish it")


def result_id_of(plan_id: bytes) -> bytes:
    """The id of a plan's one result, whoever concludes it."""
    return derived_id("result", plan_id)


def result_of(
    plan: ExecutionPlan,
    ending: Ending,
    costs: Costs,
    *,
    mode: ExecutionMode,
    executor: str,
    taken_unix_ns: int,
    clock: Clock,
    run_id: str = "",
) -> ExecutionResult:
    """The event; created, and finished, now."""
    result_id = result_id_of(plan.header.event_id)
    header = stamp(clock, event_id=result_id, slot=ending.slot or plan.header.slot, trace=created_in(plan.header.trace))
    return ExecutionResult(
        header=header,
        plan_id=plan.header.event_id,
        opportunity_id=plan.opportunity_id,
        pair=plan.pair,
        outcome=ending.outcome,
        mode=mode,
        reason=ending.reason[:REASON_CHARS_MAX],
        hops=ending.hops,
        amount_in=plan.amount_in,
        expected_amount_out=plan.expected_amount_out,
        actual_amount_out=min(ending.actual_amount_out, U64_MAX),
        expected_profit_lamports=_i64(plan.expected_amount_out - plan.amount_in - costs.total_lamports),
        profit_lamports=_i64(ending.profit_lamports),
        flash_fee_lamports=min(ending.flash_fee_lamports, U64_MAX),
        tip_lamports=min(ending.tip_lamports, U64_MAX),
        network_fee_lamports=min(ending.network_fee_lamports, U64_MAX),
        opportunity_created_unix_ns=plan.opportunity_created_unix_ns,
        plan_created_unix_ns=plan.header.created_unix_ns,
        taken_unix_ns=taken_unix_ns,
        finished_unix_ns=header.created_unix_ns,
        executor=executor,
        run_id=run_id,
        taken_effect_lamports=_i64(ending.effects.taken),
        latency_effect_lamports=_i64(ending.effects.latency),
        rivals_effect_lamports=_i64(ending.effects.rivals),
        taken=ending.taken,
    )


def _i64(value: int) -> int:
    return max(-I64_MAX - 1, min(value, I64_MAX))
