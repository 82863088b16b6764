"""What became of an event and why, worked out anew from the event alone by the planner's own functions. Pure.

| event               | sums                                      | verdict                                            |
|---------------------|-------------------------------------------|----------------------------------------------------|
| TwoHopArbitrage     | profit, costs as the scanner told them    | the planner's on what was seen, by settings given  |
| TriangularArbitrage | the same                                  | the same                                           |
| ExecutionPlan       | profit, costs, least output, impact, risk | the planner's on the simulation, by its own limits |
| ExecutionResult     | profit and what was paid                  | the outcome                                        |

A sum that does not come out as the event tells it is a fault of whoever wrote the event, or of who changed it since.
"""

from dataclasses import dataclass

from pipeline.costs import CostRates, round_trip_costs
from pipeline.executor.result import result_id_of
from pipeline.planner.factors import PlanLimits, PlanVerdict, judge
from pipeline.planner.landing import raised_bps
from pipeline.planner.plans import (
    candidate_of_plan,
    candidate_seen,
    limits_of_plan,
    min_amount_out,
    plan_id_of,
    slippage_bps_of,
)
from pipeline.planner.proposed import Opportunity, proposed_trip
from quote_core.clock import NO_MOMENT, Moment
from quote_core.errors import InvalidField
from quote_core.events import Event, ExecutionPlan, ExecutionResult, Outcome, TriangularArbitrage, TwoHopArbitrage
from quote_core.units import BPS

__all__ = ["EventVerdict", "Sum", "verdict_of"]

OLDER_PLAN = "written by a release whose plans did not tell what they were judged by"


@dataclass(frozen=True, slots=True)
class Sum:
    """One figure worked out anew; `told` is what the event says it is."""

    what: str
    how: str
    value: float
    told: float

    @property
    def is_equal(self) -> bool:
        """Whether it comes out, to the last digit."""
        return self.value == self.told


@dataclass(frozen=True, slots=True, kw_only=True)
class EventVerdict:
    """All of it.

    Attributes:
        event: What is explained.
        sums: See the table.
        verdict: In a few words.
        reasons: Why not, in the words of the counters; empty when nothing speaks against it.
        judged: The factors; `None` for a result, and for a plan that does not tell by what it was judged.
        limits_from: Whose limits those are: `settings` or `plan`; empty without factors.
        notes: What has to be known to read it.
        ids: Of what the event came from and of what it becomes, if it becomes anything.
    """

    event: Opportunity | ExecutionPlan | ExecutionResult
    sums: tuple[Sum, ...]
    verdict: str
    reasons: tuple[str, ...] = ()
    judged: PlanVerdict | None = None
    limits_from: str = ""
    notes: tuple[str, ...] = ()
    ids: dict[str, str]

    @property
    def is_equal(self) -> bool:
        """Whether all comes out as it was told; of a plan also that it passes."""
        passes = not (isinstance(self.event, ExecutionPlan) and self.reasons)
        return passes and all(one.is_equal for one in self.sums)


def verdict_of(event: Event, *, limits: PlanLimits, rates: CostRates, age_ns: int) -> EventVerdict:
    """Explain an event.

    Args:
        event: Any.
        limits: By which an opportunity is judged.
        rates: What a planner with these settings counts as an opportunity's costs.
        age_ns: How long after it was found an opportunity is judged.

    Raises:
        InvalidField: There is nothing to explain about an event of this class, or a cycle contradicts itself.
    """
    match event:
        case TwoHopArbitrage() | TriangularArbitrage():
            return _of_opportunity(event, limits, rates, age_ns)
        case ExecutionPlan():
            return _of_plan(event)
        case ExecutionResult():
            return _of_result(event)
    explained = "TwoHopArbitrage, TriangularArbitrage, ExecutionPlan, ExecutionResult"
    raise InvalidField("event", f"a {type(event).__name__} has no factors, sums or verdict; {explained} have")


def _of_opportunity(found: Opportunity, limits: PlanLimits, rates: CostRates, age_ns: int) -> EventVerdict:
    # Who does not say when is judged by the wall clock, as by every planner: too old.
    now = found.created.earlier_by(-age_ns)
    if found.created == NO_MOMENT:
        now = Moment(0, 0, found.header.created_unix_ns + age_ns)
    trip = proposed_trip(found)
    judged = judge(candidate_seen(found, now=now, rates=rates), limits)
    costs = round_trip_costs(trip.amount_in, hop_count=len(trip.hops), rates=rates).total_lamports
    flash, tip, network = found.flash_fee_lamports, found.tip_lamports, found.network_fee_lamports
    told_costs = flash + tip + network
    gross = trip.amount_out - trip.amount_in
    notes = []
    if costs != told_costs:
        notes.append(f"the scanner counted {told_costs} lamports of costs, the planner counts {costs} by [costs]")
    if limits.net_profit_bps_ceiling:
        notes.append(f"while few plans land the least net profit is raised, up to {limits.net_profit_bps_ceiling} bps")
    if judged.is_accepted:
        notes.append("the same factors are asked again of the route simulated on the pools; that decides")
    plan_id = plan_id_of(found.header.event_id)
    return EventVerdict(
        event=found,
        sums=(
            Sum("gross profit, lamports", f"{trip.amount_out} - {trip.amount_in}", gross, found.gross_profit_lamports),
            Sum(
                "gross profit, bps",
                f"floor({gross} x {BPS} / {trip.amount_in})",
                gross * BPS // max(1, trip.amount_in),
                found.gross_profit_bps,
            ),
            Sum(
                "net profit, lamports",
                f"{gross} - flash loan fee {flash} - tip {tip} - network fee {network}",
                gross - told_costs,
                found.net_profit_lamports,
            ),
        ),
        verdict="passes on what was seen" if judged.is_accepted else "rejected",
        reasons=tuple(reason.name.lower() for reason in judged.rejections),
        judged=judged,
        limits_from="settings",
        notes=tuple(notes),
        ids={"plan_id": plan_id.hex(), "result_id": result_id_of(plan_id).hex()},
    )


def _of_plan(plan: ExecutionPlan) -> EventVerdict:
    candidate, limits = candidate_of_plan(plan), limits_of_plan(plan)
    signature, priority = plan.signature_fee_lamports, plan.priority_fee_lamports
    costs = f"flash loan fee {plan.flash_fee_lamports} - tip {plan.tip_lamports}"
    fees = f"signature fee {signature} - priority fee {priority}"
    expected, amount = plan.expected_amount_out, plan.amount_in
    sums = [
        Sum(
            "gross profit, lamports",
            f"{expected} - {amount}",
            candidate.gross_profit_lamports,
            plan.gross_profit_lamports,
        ),
        Sum(
            "net profit, lamports",
            f"{candidate.gross_profit_lamports} - {costs} - {fees}",
            candidate.net_profit_lamports,
            plan.net_profit_lamports,
        ),
    ]
    judged = None if limits is None else judge(candidate, limits)
    if judged is not None:
        tolerance, impact_ppm = plan.slippage_tolerance_bps, plan.price_impact_ppm
        sums += [
            Sum(
                "least output, lamports",
                f"max(ceil({expected} x {BPS - tolerance} / {BPS}), {amount} + costs {candidate.costs_lamports})",
                min_amount_out(candidate, tolerance_bps=tolerance),
                plan.min_amount_out,
            ),
            Sum("price impact, bps", f"ceil({impact_ppm} / 100)", slippage_bps_of(candidate), plan.slippage_bps),
            Sum("risk score", "the sum of its terms", judged.risk, plan.risk_score),
        ]
        if plan.net_profit_bps_ceiling:
            sums.append(_least_profit(plan))
    reasons = () if judged is None else judged.rejections
    return EventVerdict(
        event=plan,
        sums=tuple(sums),
        verdict="would not be planned" if reasons else "planned",
        reasons=tuple(reason.name.lower() for reason in reasons),
        judged=judged,
        limits_from="" if judged is None else "plan",
        notes=(OLDER_PLAN,) if judged is None else (),
        ids={
            "opportunity_id": plan.opportunity_id.hex(),
            "result_id": result_id_of(plan.header.event_id).hex(),
        },
    )


def _least_profit(plan: ExecutionPlan) -> Sum:
    """What the least net profit was raised to."""
    floor, ceiling = plan.net_profit_bps_floor, plan.net_profit_bps_ceiling
    target, landing = plan.landing_target_bps, plan.landing_bps
    return Sum(
        "least net profit, bps",
        f"{floor} + ceil({ceiling - floor} x max(0, {target} - {landing} landed of {BPS}) / {target})",
        raised_bps(floor_bps=floor, ceiling_bps=ceiling, target_bps=max(1, target), landing_bps=landing),
        plan.net_profit_bps_min,
    )


def _of_result(result: ExecutionResult) -> EventVerdict:
    flash, tip, network = result.flash_fee_lamports, result.tip_lamports, result.network_fee_lamports
    gain, how = 0, "0"
    if result.outcome is Outcome.FILLED:
        gain, how = result.actual_amount_out - result.amount_in, f"{result.actual_amount_out} - {result.amount_in}"
    paid = f"flash loan fee {flash} - tip {tip} - network fee {network}"
    return EventVerdict(
        event=result,
        sums=(Sum("profit, lamports", f"{how} - {paid}", gain - flash - tip - network, result.profit_lamports),),
        verdict=result.outcome.name.lower(),
        reasons=(result.reason,) if result.reason else (),
        ids={"opportunity_id": result.opportunity_id.hex(), "plan_id": result.plan_id.hex()},
    )
