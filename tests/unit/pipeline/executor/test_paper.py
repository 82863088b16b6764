"""Paper fills: the simulation's answer against the plan's least output, and what each way of failing costs."""

from dataclasses import replace

import pytest
from fakes.executors import RATES

from pipeline.executor.paper import PaperVenue
from pipeline.simulation import RouteHopRequest, Simulation
from quote_core.errors import (
    DeadlinePassed,
    LayoutMismatch,
    NoLiquidity,
    ProviderUnavailable,
    SolquoteError,
)
from quote_core.events import ExecutionPlan, Outcome
from quote_core.freshness import NEVER_VOUCHED


class Market:
    def __init__(self, answer: int | SolquoteError) -> None:
        self._answer = answer
        self.asked: list[tuple[tuple[RouteHopRequest, ...], int]] = []

    async def simulate(self, hops: tuple[RouteHopRequest, ...], amount_in: int) -> Simulation:
        self.asked.append((hops, amount_in))
        if isinstance(self._answer, SolquoteError):
            raise self._answer
        return Simulation(
            hops=(),
            amount_out=self._answer,
            slot=9,
            freshness=NEVER_VOUCHED,
            price_impact_fractions=(),
            depth_amounts=(),
        )


async def test_a_fill_at_the_least_output_counts_every_cost(plan: ExecutionPlan) -> None:
    ending = await PaperVenue(Market(1_005_000_000), RATES).execute(plan)
    assert (ending.outcome, ending.actual_amount_out, ending.slot) == (Outcome.FILLED, 1_005_000_000, 9)
    assert ending.profit_lamports == 5_000_000 - 500_000 - 10_000 - 10_000
    assert (ending.flash_fee_lamports, ending.tip_lamports, ending.network_fee_lamports) == (500_000, 10_000, 10_000)


async def test_a_fill_may_lose_money_when_the_plan_lets_it(plan: ExecutionPlan) -> None:
    ending = await PaperVenue(Market(1_000_000_000), RATES).execute(replace(plan, min_amount_out=1_000_000_000))
    assert (ending.outcome, ending.profit_lamports) == (Outcome.FILLED, -520_000)


async def test_what_lender_and_chain_take_is_not_the_plans_to_say(plan: ExecutionPlan) -> None:
    lying = replace(plan, flash_fee_lamports=10**12, signature_fee_lamports=0)
    ending = await PaperVenue(Market(1_005_000_000), RATES).execute(lying)
    assert (ending.flash_fee_lamports, ending.network_fee_lamports) == (500_000, 10_000)


async def test_one_unit_less_than_the_least_output_fails_and_costs_the_network_fee(plan: ExecutionPlan) -> None:
    ending = await PaperVenue(Market(1_004_999_999), RATES).execute(plan)
    assert (ending.outcome, ending.profit_lamports, ending.network_fee_lamports) == (Outcome.FAILED, -10_000, 10_000)
    assert (ending.tip_lamports, ending.flash_fee_lamports) == (0, 0)
    assert ending.reason.startswith("slippage")


async def test_a_market_that_refuses_fails_on_chain(plan: ExecutionPlan) -> None:
    ending = await PaperVenue(Market(NoLiquidity("route", "the pool is gone")), RATES).execute(plan)
    assert (ending.outcome, ending.profit_lamports) == (Outcome.FAILED, -10_000)
    assert "the pool is gone" in ending.reason


@pytest.mark.parametrize(
    "error",
    [
        ProviderUnavailable("local_quote", "away"),
        DeadlinePassed("local_quote", 500),
        LayoutMismatch("SimulateRouteResponse", "does not describe 2 hops"),
    ],
)
async def test_without_an_answer_nothing_reached_the_chain_and_nothing_was_paid(
    plan: ExecutionPlan, error: SolquoteError
) -> None:
    ending = await PaperVenue(Market(error), RATES).execute(plan)
    assert (ending.outcome, ending.profit_lamports, ending.network_fee_lamports) == (Outcome.FAILED, 0, 0)
    assert ending.reason.startswith("unavailable")


async def test_the_plans_own_pools_are_asked_for_and_no_better_ones(plan: ExecutionPlan) -> None:
    market = Market(1_010_000_000)
    await PaperVenue(market, RATES).execute(plan)
    ((hops, amount_in),) = market.asked
    assert amount_in == plan.amount_in
    assert [hop.pool_id for hop in hops] == [hop.pool_id for hop in plan.hops]
