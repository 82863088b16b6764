"""Fills on paper: the plan's own pools, as they stand now, decide what a transaction sent now would give.

All hops are priced from one snapshot and pinned to the pools of the plan, as the instructions of a transaction would
be. Nothing is sent and no pool moves. A node that stands still would go on filling at its last prices: what it says is
no fill when the chain has not vouched for it lately.
"""

from typing import Final, Protocol

from pipeline.costs import CostRates, costs_of_plan
from pipeline.executor.result import Ending, failed, filled
from pipeline.simulation import RouteHopRequest, RouteSimulator
from quote_core.clock import Clock, moment
from quote_core.errors import MarketError, SolquoteError
from quote_core.events import ExecutionPlan
from quote_core.freshness import FRESH_NS_MAX

__all__ = ["UNAVAILABLE", "PaperVenue", "Venue"]

UNAVAILABLE: Final = "unavailable"
"""Begins the reason of a failure that is the quote service's fault."""


class Venue(Protocol):
    """Where plans are executed."""

    async def execute(self, plan: ExecutionPlan) -> Ending:
        """Execute a plan that passed the guards; never raises what it can tell as an ending."""
        ...


class PaperVenue:
    """See the module."""

    def __init__(
        self, simulator: RouteSimulator, rates: CostRates, *, clock: Clock, state_age_ns_max: int = FRESH_NS_MAX
    ) -> None:
        self._simulator = simulator
        self._rates = rates
        self._clock = clock
        self._state_age_ns_max = state_age_ns_max

    async def execute(self, plan: ExecutionPlan) -> Ending:
        """See `Venue.execute`."""
        costs = costs_of_plan(plan, self._rates)
        hops = tuple(
            RouteHopRequest(input_mint=hop.input_mint, output_mint=hop.output_mint, pool_id=hop.pool_id)
            for hop in plan.hops
        )
        try:
            simulation = await self._simulator.simulate(hops, plan.amount_in)
        except MarketError as error:
            return failed(costs, f"market: {error}", reached_chain=True)
        except SolquoteError as error:
            return failed(costs, f"{UNAVAILABLE}: {error}", reached_chain=False)
        state_age_ns = simulation.freshness.age_ns(moment(self._clock))
        if state_age_ns > self._state_age_ns_max:
            return failed(
                costs, f"{UNAVAILABLE}: stale pool state, {state_age_ns // 1_000_000} ms old", reached_chain=False
            )
        if simulation.amount_out < plan.min_amount_out:
            reason = f"slippage: {simulation.amount_out} out, at least {plan.min_amount_out} needed"
            return failed(costs, reason, reached_chain=True, slot=simulation.slot)
        return filled(plan, costs, hops=simulation.hops, amount_out=simulation.amount_out, slot=simulation.slot)
