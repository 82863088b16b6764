"""Paper fills: the simulation's answer against the plan's least output, and what each way of failing costs."""

from dataclasses import replace

import pytest
from fakes.executors import RATES
from fakes.fake_clock import FakeClock
from fakes.pipeline_events import round_trip_hops
from fakes.vouched import vouched

from pipeline.executor.paper import NaivePaperVenue
from pipeline.simulation import RouteHopRequest, Simulation
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import (
    DeadlinePassed,
    LayoutMismatch,
    NoLiquidity,
    ProviderUnavailable,
    SolquoteError,
)
from quote_core.events import ExecutionPlan, Hop, Outcome
from quote_core.freshness import FRESH_NS_MAX, NEVER_VOUCHED, Freshness


class Market:
    def __init__(
        self, answer: int | SolquoteError, *, hops: tuple[Hop, ...] = (), freshness: Freshness | None = None
    ) -> None:
        self._answer = answer
        self._hops = hops
        self._freshness = freshness or vouched()
        self.asked: list[tuple[tuple[RouteHopRequest, ...], int]] = []

    async def simulate(self, hops: tuple[RouteHopRequest, ...], amount_in: int) -> Simulation:
        self.asked.append((hops, amount_in))
        if isinstance(self._answer, SolquoteError):
            raise self._answer
        return Simulation(
            hops=self._hops,
            amount_out=self._answer,
            slot=9,
            freshness=self._freshness,
            price_impact_fractions=(),
            depth_amounts=(),
        )


async def test_a_fill_at_the_least_output_counts_every_cost(plan: ExecutionPlan) -> None:
    ending = await NaivePaperVenue(Market(1_005_000_000), RATES, clock=SYSTEM_CLOCK).execute(plan)
    assert (ending.outcome, ending.actual_amount_out, ending.slot) == (Outcome.FILLED, 1_005_000_000, 9)
    assert ending.profit_lamports == 5_000_000 - 500_000 - 10_000 - 10_000
    assert (ending.flash_fee_lamports, ending.tip_lamports, ending.network_fee_lamports) == (500_000, 10_000, 10_000)


async def test_a_fill_may_lose_money_when_the_plan_lets_it(plan: ExecutionPlan) -> None:
    ending = await NaivePaperVenue(Market(1_000_000_000), RATES, clock=SYSTEM_CLOCK).execute(
        replace(plan, min_amount_out=1_000_000_000)
    )
    assert (ending.outcome, ending.profit_lamports) == (Outcome.FILLED, -520_000)


async def test_what_lender_and_chain_take_is_not_the_plans_to_say(plan: ExecutionPlan) -> None:
    lying = replace(plan, flash_fee_lamports=10**12, signature_fee_lamports=0)
    ending = await NaivePaperVenue(Market(1_005_000_000), RATES, clock=SYSTEM_CLOCK).execute(lying)
    assert (ending.flash_fee_lamports, ending.network_fee_lamports) == (500_000, 10_000)


async def test_one_unit_less_than_the_least_output_fails_and_costs_the_network_fee(plan: ExecutionPlan) -> None:
    ending = await NaivePaperVenue(Market(1_004_999_999), RATES, clock=SYSTEM_CLOCK).execute(plan)
    assert (ending.outcome, ending.profit_lamports, ending.network_fee_lamports) == (Outcome.FAILED, -10_000, 10_000)
    assert (ending.tip_lamports, ending.flash_fee_lamports) == (0, 0)
    assert ending.reason.startswith("slippage")


@pytest.mark.parametrize(("middle", "outcome"), [(138_600_000, Outcome.FILLED), (138_599_999, Outcome.FAILED)])
async def test_a_hop_that_gives_less_than_its_own_least_output_fails_whatever_the_trip_gives(
    plan: ExecutionPlan, middle: int, outcome: Outcome
) -> None:
    asked = replace(plan, hop_min_amounts_out=(138_600_000, plan.min_amount_out))
    market = Market(plan.expected_amount_out, hops=round_trip_hops(plan.amount_in, middle, plan.expected_amount_out))
    ending = await NaivePaperVenue(market, RATES, clock=SYSTEM_CLOCK).execute(asked)
    assert ending.outcome is outcome
    if outcome is Outcome.FAILED:
        assert ending.reason == "slippage: hop 1 gives 138599999, at least 138600000 needed"
        assert ending.profit_lamports == -10_000


async def test_a_market_that_refuses_fails_on_chain(plan: ExecutionPlan) -> None:
    ending = await NaivePaperVenue(Market(NoLiquidity("route", "the pool is gone")), RATES, clock=SYSTEM_CLOCK).execute(
        plan
    )
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
    ending = await NaivePaperVenue(Market(error), RATES, clock=SYSTEM_CLOCK).execute(plan)
    assert (ending.outcome, ending.profit_lamports, ending.network_fee_lamports) == (Outcome.FAILED, 0, 0)
    assert ending.reason.startswith("unavailable")


async def test_the_plans_own_pools_are_asked_for_and_no_better_ones(plan: ExecutionPlan) -> None:
    market = Market(1_010_000_000)
    await NaivePaperVenue(market, RATES, clock=SYSTEM_CLOCK).execute(plan)
    ((hops, amount_in),) = market.asked
    assert amount_in == plan.amount_in
    assert [hop.pool_id for hop in hops] == [hop.pool_id for hop in plan.hops]


async def test_nothing_is_filled_on_pool_state_that_the_chain_vouched_for_too_long_ago(plan: ExecutionPlan) -> None:
    """A node that stands still goes on answering; 31 fills came of it once."""
    clock = FakeClock()
    for freshness, outcome in (
        (vouched(clock, age_ns=FRESH_NS_MAX), Outcome.FILLED),
        (vouched(clock, age_ns=FRESH_NS_MAX + 1), Outcome.FAILED),
        (NEVER_VOUCHED, Outcome.FAILED),
    ):
        market = Market(1_005_000_000, freshness=freshness)
        ending = await NaivePaperVenue(market, RATES, clock=clock).execute(plan)
        assert ending.outcome is outcome
        assert ending.profit_lamports == 0 or outcome is Outcome.FILLED
        assert ending.reason.startswith("unavailable: stale") is (outcome is Outcome.FAILED)
