"""From opportunity and simulation to what is judged, and to the plan."""

from pipeline.costs import CostRates, Costs, round_trip_costs
from pipeline.planner.factors import Candidate
from pipeline.simulation import Simulation
from quote_core.clock import Clock, Moment, moment
from quote_core.events import ExecutionPlan, TwoHopArbitrage, derived_id, stamp
from quote_core.telemetry.traces import created_in
from quote_core.units import BPS, PPM

__all__ = ["candidate_seen", "candidate_simulated", "min_amount_out", "plan_from"]

_HOP_COUNT = 2


def candidate_seen(opportunity: TwoHopArbitrage, *, now: Moment, rates: CostRates) -> Candidate:
    """What the scanner saw, with today's costs."""
    costs = round_trip_costs(opportunity.amount_in, hop_count=_HOP_COUNT, rates=rates)
    return Candidate(
        amount_in=opportunity.amount_in,
        amount_out=opportunity.amount_out,
        costs_lamports=costs.total_lamports,
        confidence_bps=opportunity.confidence_bps,
        opportunity_age_ns=opportunity.created.age_ns(now),
        quote_age_ns=opportunity.freshness.age_ns(now),
        price_impact_ppm=opportunity.price_impact_ppm,
    )


def candidate_simulated(
    opportunity: TwoHopArbitrage, simulation: Simulation, *, now: Moment, costs: Costs
) -> Candidate:
    """What the simulation gave; the ages remain those of what the scanner acted on."""
    return Candidate(
        amount_in=opportunity.amount_in,
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
    tolerated = -(-candidate.amount_out * (BPS - tolerance_bps) // BPS)
    return max(tolerated, candidate.amount_in + candidate.costs_lamports)


def plan_from(
    opportunity: TwoHopArbitrage,
    simulation: Simulation,
    candidate: Candidate,
    *,
    costs: Costs,
    risk: float,
    tolerance_bps: int,
    lifetime_ns: int,
    clock: Clock,
) -> ExecutionPlan:
    """The plan; its id follows from the opportunity's, so that planning one twice publishes it once."""
    plan_id = derived_id("plan", opportunity.header.event_id)
    header = stamp(clock, event_id=plan_id, slot=simulation.slot, trace=created_in(opportunity.header.trace))
    return ExecutionPlan(
        header=header,
        opportunity_id=opportunity.header.event_id,
        pair=opportunity.pair,
        hops=simulation.hops,
        amount_in=opportunity.amount_in,
        expected_amount_out=simulation.amount_out,
        min_amount_out=min_amount_out(candidate, tolerance_bps=tolerance_bps),
        gross_profit_lamports=candidate.gross_profit_lamports,
        net_profit_lamports=candidate.net_profit_lamports,
        flash_fee_lamports=costs.flash_fee_lamports,
        tip_lamports=costs.tip_lamports,
        signature_fee_lamports=costs.signature_fee_lamports,
        priority_fee_lamports=costs.priority_fee_lamports,
        compute_unit_limit=costs.compute_unit_limit,
        slippage_bps=-(-candidate.price_impact_ppm * BPS // PPM),
        confidence_bps=opportunity.confidence_bps,
        risk_score=risk,
        opportunity_created_unix_ns=opportunity.header.created_unix_ns,
        expires_unix_ns=header.created_unix_ns + lifetime_ns,
        created=moment(clock),
        freshness=simulation.freshness,
    )
