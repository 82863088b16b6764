"""Fills on paper: the plan's own pools decide what a transaction would give. Nothing is sent and no pool moves.

All hops are priced from one snapshot and pinned to the pools of the plan, as the instructions of a transaction would
be. `PaperVenue` lets a transaction land some time later, in a market that has moved on, where others trade, and where
what paper has taken is gone (`paper_model`); `NaivePaperVenue` fills at once, as if nobody else traded. A node that
stands still would go on filling at its last prices: what it says is no fill when the chain has not vouched for it
lately.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from pipeline.costs import CostRates, costs_of_plan
from pipeline.executor.paper_model import PaperModel, TakenBook, ending_of, landing_of, priced
from pipeline.executor.result import Ending, failed
from pipeline.simulation import RouteHopRequest, RouteSimulator, Simulation, TakingSimulator
from quote_core.clock import Clock, moment
from quote_core.errors import MarketError, ProviderUnavailable, SolquoteError
from quote_core.events import ExecutionPlan, Outcome, TakenDepth
from quote_core.freshness import FRESH_NS_MAX

__all__ = ["UNAVAILABLE", "NaivePaperVenue", "PaperVenue", "Venue"]

UNAVAILABLE: Final = "unavailable"
"""Begins the reason of a failure that is the quote service's fault."""


class Venue(Protocol):
    """Where plans are executed."""

    async def execute(self, plan: ExecutionPlan) -> Ending:
        """Execute a plan that passed the guards; never raises what it can tell as an ending."""
        ...


class NaivePaperVenue:
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
        try:
            simulation = await self._simulator.simulate(_hops(plan), plan.amount_in)
            return priced(plan, costs, _vouched(simulation, self._clock, self._state_age_ns_max))
        except MarketError as error:
            return failed(costs, f"market: {error}", reached_chain=True)
        except SolquoteError as error:
            return failed(costs, f"{UNAVAILABLE}: {error}", reached_chain=False)


class PaperVenue:
    """See the module.

    Args:
        simulator: Prices routes, also behind what is taken.
        rates: What a plan costs beside what it chooses.
        model: What the draws are made from.
        book: What paper has taken, also by others; written here.
        clock: Of the age of pool states.
        state_age_ns_max: What was not vouched for within this fills nothing.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        simulator: TakingSimulator,
        rates: CostRates,
        *,
        model: PaperModel,
        book: TakenBook,
        clock: Clock,
        state_age_ns_max: int = FRESH_NS_MAX,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._simulator = simulator
        self._rates = rates
        self._naive = NaivePaperVenue(simulator, rates, clock=clock, state_age_ns_max=state_age_ns_max)
        self._model = model
        self._book = book
        self._clock = clock
        self._state_age_ns_max = state_age_ns_max
        self._sleep = sleep

    async def execute(self, plan: ExecutionPlan) -> Ending:
        """See `Venue.execute`."""
        costs = costs_of_plan(plan, self._rates)
        landing = landing_of(plan, self._model)
        naive = await self._naive.execute(plan)
        sent: Ending | None = naive
        landed: Ending | None = None
        depths: tuple[TakenDepth, ...] = ()
        try:
            if self._book.taker(plan) is not None:
                sent = None
            elif any(self._book.depths(plan)):
                sent, _ = await self._behind_taken(plan)
            if sent is not None and sent.outcome is Outcome.FILLED:
                await self._sleep(landing.latency_ns / 1e9)
                landed, depths = await self._behind_taken(plan)
        except SolquoteError as error:
            return failed(costs, f"{UNAVAILABLE}: {error}", reached_chain=False)
        ending = ending_of(costs, naive=naive, sent=sent, landed=landed, landing=landing, depths=depths)
        if ending.taken:
            self._book.take(plan, ending.taken)
        return ending

    async def _behind_taken(self, plan: ExecutionPlan) -> tuple[Ending, tuple[TakenDepth, ...]]:
        """The plan priced now, behind all that paper has taken by the time of the answer.

        Raises:
            SolquoteError: No answer that says anything of the market.
        """
        costs = costs_of_plan(plan, self._rates)
        while True:
            known = self._book.depths(plan)
            try:
                simulation = await self._simulator.simulate(_hops(plan, known), plan.amount_in, with_taken=True)
            except MarketError as error:
                return failed(costs, f"market: {error}", reached_chain=True), ()
            if self._book.taker(plan) is not None:
                return failed(costs, "market: the same gap was taken meanwhile", reached_chain=True), ()
            if self._book.depths(plan) == known:
                fresh = _vouched(simulation, self._clock, self._state_age_ns_max)
                return priced(plan, costs, fresh), fresh.taken


def _hops(plan: ExecutionPlan, taken: tuple[TakenDepth | None, ...] | None = None) -> tuple[RouteHopRequest, ...]:
    return tuple(
        RouteHopRequest(input_mint=hop.input_mint, output_mint=hop.output_mint, pool_id=hop.pool_id, taken=depth)
        for hop, depth in zip(plan.hops, taken or (None,) * len(plan.hops), strict=True)
    )


def _vouched(simulation: Simulation, clock: Clock, state_age_ns_max: int) -> Simulation:
    """The simulation, of a state that the chain has vouched for lately.

    Raises:
        ProviderUnavailable: It has not.
    """
    age_ns = simulation.freshness.age_ns(moment(clock))
    if age_ns > state_age_ns_max:
        raise ProviderUnavailable("stale pool state", f"{age_ns // 1_000_000} ms old")
    return simulation
