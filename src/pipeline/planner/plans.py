"""From opportunity and simulation to what is judged, to the plan, and from the plan back to what was judged."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from pipeline.costs import CostRates, Costs, round_trip_costs
from pipeline.planner.factors import Candidate, PlanLimits
from pipeline.planner.proposed import Opportunity, proposed_trip
from pipeline.simulation import Simulation
from quote_core.clock import Clock, Moment
from quote_core.events import ExecutionPlan, Hop, derived_id, stamp
from quote_core.telemetry.traces import created_in
from quote_core.units import BPS, PPM

__all__ = [
    "candidate_of_plan",
    "candidate_seen",
    "candidate_simulated",
    "hop_min_amounts_out",
    "limits_of_plan",
    "min_amount_out",
    "plan_from",
    "plan_id_of",
    "slippage_bps_of",
]

_TOLD_LIMITS: Final = tuple(field.name for field in dataclasses.fields(PlanLimits) if field.name != "blocked_pools")
"""Limits that a plan tells, by the same name. No pool of a plan was blocked, so that list says nothing."""


def candidate_seen(opportunity: Opportunity, *, now: Moment, rates: CostRates) -> Candidate:
    """What the scanner saw, with today's costs.

    Raises:
        InvalidField: See `proposed_trip`.
    """
    trip = proposed_trip(opportunity)
    costs = round_trip_costs(trip.amount_in, hop_count=len(trip.hops), rates=rates)
    return Candidate(
        amount_in=trip.amount_in,
        amount_out=trip.amount_out,
        costs_lamports=costs.total_lamports,
        confidence_bps=opportunity.confidence_bps,
        opportunity_age_ns=opportunity.created.age_ns(now),
        quote_age_ns=opportunity.freshness.age_ns(now),
        price_impact_ppm=opportunity.price_impact_ppm,
    )


def candidate_simulated(opportunity: Opportunity, simulation: Simulation, *, now: Moment, costs: Costs) -> Candidate:
    """What the simulation gave; the ages remain those of what the scanner acted on."""
    return Candidate(
        amount_in=proposed_trip(opportunity).amount_in,
        amount_out=simulation.amount_out,
        costs_lamports=costs.total_lamports,
        confidence_bps=opportunity.confidence_bps,
        opportunity_age_ns=opportunity.created.age_ns(now),
        quote_age_ns=opportunity.freshness.age_ns(now),
        price_impact_ppm=simulation.price_impact_ppm,
        pool_state_age_ns=simulation.freshness.age_ns(now),
        hop_amounts=tuple(hop.input_amount for hop in simulation.hops),
        depth_amounts=simulation.depth_amounts,
        pools=tuple(hop.pool_id for hop in simulation.hops),
    )


def min_amount_out(candidate: Candidate, *, tolerance_bps: int) -> int:
    """The least that may come back: the expected less the tolerance, rounded up, but never below break-even."""
    return max(_less(candidate.amount_out, tolerance_bps), candidate.amount_in + candidate.costs_lamports)


def hop_min_amounts_out(hops: Sequence[Hop], *, least_out: int, tolerance_bps: int) -> tuple[int, ...]:
    """The least that may come out of each hop: of the last what the trip must give, before it less the tolerance.

    A swap that gives less is not what was simulated, whatever the rest of the trip makes of it; rounded up.
    """
    before = (_less(hop.output_amount, tolerance_bps) for hop in hops[:-1])
    return (*before, least_out)


def slippage_bps_of(candidate: Candidate) -> int:
    """The price impact of all hops, rounded up."""
    return -(-candidate.price_impact_ppm * BPS // PPM)


def plan_id_of(opportunity_id: bytes) -> bytes:
    """The id of the plan that an opportunity becomes, if it becomes one."""
    return derived_id("plan", opportunity_id)


def plan_from(
    opportunity: Opportunity,
    simulation: Simulation,
    candidate: Candidate,
    *,
    costs: Costs,
    risk: float,
    limits: PlanLimits,
    now: Moment,
    tolerance_bps: int,
    hop_tolerance_bps: int,
    lifetime_ns: int,
    clock: Clock,
) -> ExecutionPlan:
    """The plan, judged `now`; its id follows from the opportunity's, so that planning one twice publishes it once."""
    plan_id = plan_id_of(opportunity.header.event_id)
    header = stamp(clock, event_id=plan_id, slot=simulation.slot, trace=created_in(opportunity.header.trace))
    least_out = min_amount_out(candidate, tolerance_bps=tolerance_bps)
    return ExecutionPlan(
        header=header,
        opportunity_id=opportunity.header.event_id,
        pair=opportunity.pair,
        hops=simulation.hops,
        amount_in=candidate.amount_in,
        expected_amount_out=simulation.amount_out,
        min_amount_out=least_out,
        gross_profit_lamports=candidate.gross_profit_lamports,
        net_profit_lamports=candidate.net_profit_lamports,
        flash_fee_lamports=costs.flash_fee_lamports,
        tip_lamports=costs.tip_lamports,
        signature_fee_lamports=costs.signature_fee_lamports,
        priority_fee_lamports=costs.priority_fee_lamports,
        compute_unit_limit=costs.compute_unit_limit,
        slippage_bps=slippage_bps_of(candidate),
        confidence_bps=opportunity.confidence_bps,
        risk_score=risk,
        opportunity_created_unix_ns=opportunity.header.created_unix_ns,
        expires_unix_ns=header.created_unix_ns + lifetime_ns,
        created=now,
        freshness=simulation.freshness,
        hop_min_amounts_out=hop_min_amounts_out(simulation.hops, least_out=least_out, tolerance_bps=hop_tolerance_bps),
        opportunity_age_ns=candidate.opportunity_age_ns,
        quote_age_ns=candidate.quote_age_ns,
        price_impact_ppm=candidate.price_impact_ppm,
        depth_amounts=candidate.depth_amounts,
        slippage_tolerance_bps=tolerance_bps,
        **{name: getattr(limits, name) for name in _TOLD_LIMITS},
    )


def candidate_of_plan(plan: ExecutionPlan) -> Candidate:
    """What was judged last when the plan was made."""
    network_fee_lamports = plan.signature_fee_lamports + plan.priority_fee_lamports
    return Candidate(
        amount_in=plan.amount_in,
        amount_out=plan.expected_amount_out,
        costs_lamports=plan.flash_fee_lamports + plan.tip_lamports + network_fee_lamports,
        confidence_bps=plan.confidence_bps,
        opportunity_age_ns=plan.opportunity_age_ns,
        quote_age_ns=plan.quote_age_ns,
        price_impact_ppm=plan.price_impact_ppm,
        pool_state_age_ns=plan.freshness.age_ns(plan.created),
        hop_amounts=tuple(hop.input_amount for hop in plan.hops),
        depth_amounts=plan.depth_amounts,
        pools=tuple(hop.pool_id for hop in plan.hops),
    )


def limits_of_plan(plan: ExecutionPlan) -> PlanLimits | None:
    """The limits by which it was judged; `None` for a plan of before these were told."""
    if not plan.amount_lamports_max:
        return None
    return PlanLimits(**{name: getattr(plan, name) for name in _TOLD_LIMITS}, blocked_pools=frozenset())


def _less(amount: int, tolerance_bps: int) -> int:
    return -(-amount * (BPS - tolerance_bps) // BPS)
