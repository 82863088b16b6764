"""A plan that passes every guard, to be changed by `dataclasses.replace`."""

from dataclasses import replace

from fakes.pipeline_events import SOL, USDC, USDC_BACK, round_trip_hops

from quote_core.clock import SYSTEM_CLOCK, Clock, moment
from quote_core.events import ExecutionPlan, derived_id, stamp
from quote_core.freshness import Freshness
from quote_core.units import LAMPORTS_PER_SOL

__all__ = ["SOL", "USDC", "USDC_BACK", "plan", "plan_id"]

LIFETIME_NS = 60_000_000_000
STATE_AGE_NS = 1_000_000
"""Of the pool state when the plan was made."""


def plan_id(number: int) -> bytes:
    """The id of `plan(number)`."""
    return derived_id("plan", number)


def plan(number: int = 0, *, clock: Clock = SYSTEM_CLOCK, age_ns: int = 0) -> ExecutionPlan:
    """One SOL there and back with 1 % gained, planned `age_ns` ago; half of the gain may slip away."""
    created = moment(clock).earlier_by(age_ns)
    created_unix_ns = created.unix_ns
    amount_out = LAMPORTS_PER_SOL * 101 // 100
    return ExecutionPlan(
        header=replace(stamp(clock, event_id=plan_id(number), slot=3), created_unix_ns=created_unix_ns),
        opportunity_id=derived_id("opportunity", number),
        pair="SOL-USDC",
        hops=round_trip_hops(LAMPORTS_PER_SOL, USDC_BACK, amount_out),
        amount_in=LAMPORTS_PER_SOL,
        expected_amount_out=amount_out,
        min_amount_out=LAMPORTS_PER_SOL * 1_005 // 1_000,
        gross_profit_lamports=10_000_000,
        net_profit_lamports=9_480_000,
        flash_fee_lamports=500_000,
        tip_lamports=10_000,
        signature_fee_lamports=5_000,
        priority_fee_lamports=5_000,
        compute_unit_limit=400_000,
        slippage_bps=10,
        confidence_bps=9_500,
        risk_score=0.1,
        opportunity_created_unix_ns=created_unix_ns - 1_000_000,
        expires_unix_ns=created_unix_ns + LIFETIME_NS,
        created=created,
        freshness=Freshness(created.earlier_by(STATE_AGE_NS), 3),
    )
