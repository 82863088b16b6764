"""Fills on paper: the plan's own pools, as they stand now, decide what a transaction sent now would give.

All hops are priced from one snapshot and pinned to the pools of the plan, as the instructions of a transaction would
be. Nothing is sent and no pool moves.
"""

from typing import Final, Protocol

from pipeline.costs import CostRates, costs_of_plan
from pipeline.executor.result import Ending, failed, filled
from pipeline.simulation import RouteHopRequest, RouteSimulator
from quote_core.errors import MarketError, SolquoteError
from quote_core.events import ExecutionPlan

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

    def __init__(self, simulator: RouteSimulator, rates: CostRates) -> None:
        self._simulator = simulator
        self._rates = rates

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
        if simulation.amount_out < plan.min_amount_out:
            reason = f"slippage: {simulation.amount_out} out, at least {plan.min_amount_out} needed"
            return failed(costs, reason, reached_chain=True, slot=simulation.slot)
        return filled(plan, costs, hops=simulation.hops, amount_out=simulation.amount_out, slot=simulation.slot)
