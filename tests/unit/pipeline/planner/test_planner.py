import asyncio
from dataclasses import replace

import pytest
from fakes.fake_clock import FakeClock
from fakes.pipeline_events import JITOSOL, POOL_A, SOL, USDC, USDC_BACK, cycle, opportunity, round_trip_hops
from fakes.vouched import vouched
from hypothesis import given
from hypothesis import strategies as st

from pipeline.planner.factors import judge
from pipeline.planner.planner import Planner
from pipeline.planner.plans import candidate_of_plan, limits_of_plan, min_amount_out
from pipeline.planner.settings import PlannerSettings
from pipeline.settings import CostSettings
from pipeline.simulation import RouteHopRequest, Simulation
from quote_core.clock import NO_MOMENT, moment
from quote_core.errors import InvalidField, NoLiquidity, ProviderUnavailable, SolquoteError
from quote_core.events import Event, ExecutionPlan, Rejection, RejectionCount, decode, encode
from quote_core.freshness import NEVER_VOUCHED
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_MS

SETTINGS = PlannerSettings()


class Simulator:
    def __init__(self, clock: FakeClock) -> None:
        self.freshness = vouched(clock, age_ns=50_000_000, slot=401)
        self.amount_out = LAMPORTS_PER_SOL * 101 // 100
        self.error: SolquoteError | None = None
        self.asked: list[tuple[RouteHopRequest, ...]] = []

    async def simulate(self, hops: tuple[RouteHopRequest, ...], amount_in: int) -> Simulation:
        self.asked.append(hops)
        if self.error is not None:
            raise self.error
        return Simulation(
            hops=round_trip_hops(amount_in, USDC_BACK, self.amount_out),
            amount_out=self.amount_out,
            slot=401,
            freshness=self.freshness,
            price_impact_fractions=(0.0001, 0.0002),
            depth_amounts=(10**13, 10**13),
        )


class Gate:
    allows_new_trades = True


class World:
    """A planner and everything it touches."""

    def __init__(self) -> None:
        self.clock, self.gate = FakeClock(), Gate()
        self.simulator = Simulator(self.clock)
        self.planner = Planner(
            simulator=self.simulator,
            gate=self.gate,
            clock=self.clock,
            limits=SETTINGS.limits,
            rates=CostSettings().rates(),
            tolerance_bps=SETTINGS.slippage_tolerance_bps,
            hop_tolerance_bps=SETTINGS.hop_tolerance_bps,
            lifetime_ns=SETTINGS.plan_lifetime,
        )

    async def answer(self, event: Event) -> ExecutionPlan | None:
        answers = await self.planner.answer(event)
        assert len(answers) <= 1
        plan = answers[0] if answers else None
        assert plan is None or isinstance(plan, ExecutionPlan)
        return plan


@pytest.fixture
def world() -> World:
    return World()


async def test_the_plan_is_the_simulations_not_the_scanners(world: World) -> None:
    world.simulator.amount_out = LAMPORTS_PER_SOL * 1_008 // 1_000
    plan = await world.answer(opportunity(clock=world.clock))
    assert plan is not None
    assert plan.gross_profit_lamports == LAMPORTS_PER_SOL * 8 // 1_000
    assert plan.hops[0].pool_id == POOL_A
    assert plan.header.slot == 401


async def test_a_cycle_is_simulated_leg_by_leg_and_planned(world: World) -> None:
    found = cycle(clock=world.clock)
    plan = await world.answer(found)
    assert plan is not None
    (hops,) = world.simulator.asked
    assert [(hop.input_mint, hop.output_mint) for hop in hops] == [(SOL, USDC), (USDC, JITOSOL), (JITOSOL, SOL)]
    assert (plan.pair, plan.amount_in, plan.opportunity_id) == (found.pair, found.amounts[0], found.header.event_id)


async def test_a_cycle_that_contradicts_itself_is_an_error_that_names_its_field(world: World) -> None:
    with pytest.raises(InvalidField, match="amounts"):
        await world.answer(replace(cycle(clock=world.clock), amounts=()))


async def test_planning_the_same_opportunity_twice_gives_the_same_id(world: World) -> None:
    found = opportunity(clock=world.clock)
    first, second = await world.answer(found), await world.answer(found)
    assert first is not None
    assert second is not None
    assert first.header.event_id == second.header.event_id != found.header.event_id


async def test_the_least_accepted_output_never_falls_below_break_even(world: World) -> None:
    world.simulator.amount_out = LAMPORTS_PER_SOL * 1_005 // 1_000
    plan = await world.answer(opportunity(clock=world.clock))
    assert plan is not None
    assert plan.min_amount_out == plan.expected_amount_out * 9_980 // 10_000 == 1_002_990_000
    world.simulator.amount_out = LAMPORTS_PER_SOL * 1_005 // 1_000
    tight = Planner(
        simulator=world.simulator,
        gate=world.gate,
        clock=world.clock,
        limits=SETTINGS.limits,
        rates=CostSettings().rates(),
        tolerance_bps=10_000,
        hop_tolerance_bps=10_000,
        lifetime_ns=1,
    )
    (plan_at_any_price,) = await tight.answer(opportunity(clock=world.clock))
    assert isinstance(plan_at_any_price, ExecutionPlan)
    assert plan_at_any_price.min_amount_out == LAMPORTS_PER_SOL + 515_000
    assert plan_at_any_price.hop_min_amounts_out == (0, LAMPORTS_PER_SOL + 515_000)


async def test_each_hop_has_a_least_output_and_the_last_ones_is_the_trips(world: World) -> None:
    plan = await world.answer(opportunity(clock=world.clock))
    assert plan is not None
    assert plan.hop_min_amounts_out == (USDC_BACK * 99 // 100, plan.min_amount_out)


@given(
    gain_ppm=st.integers(5_000, 90_000),
    age_ms=st.integers(0, 1_900),
    quote_age_ms=st.integers(0, 3_000),
    pool_age_ms=st.integers(0, 4_900),
    confidence_bps=st.integers(7_001, 10_000),
    tolerance_bps=st.integers(0, 10_000),
)
def test_a_plan_alone_gives_the_verdict_that_made_it(
    gain_ppm: int, age_ms: int, quote_age_ms: int, pool_age_ms: int, confidence_bps: int, tolerance_bps: int
) -> None:
    clock = FakeClock()
    limits = replace(SETTINGS.limits(), risk_below=0.7, quote_age_ns_max=10**11)
    simulator = Simulator(clock)
    simulator.amount_out = LAMPORTS_PER_SOL * (1_000_000 + gain_ppm) // 1_000_000
    planner = Planner(
        simulator=simulator,
        gate=Gate(),
        clock=clock,
        limits=lambda: limits,
        rates=CostSettings().rates(),
        tolerance_bps=tolerance_bps,
        hop_tolerance_bps=100,
        lifetime_ns=1,
    )
    found = opportunity(clock=clock, confidence_bps=confidence_bps, age_ns=quote_age_ms * NS_PER_MS)
    clock.advance_ms(age_ms)
    simulator.freshness = vouched(clock, age_ns=pool_age_ms * NS_PER_MS, slot=401)
    for made in asyncio.run(planner.answer(found)):
        plan = decode(encode(made))
        assert isinstance(plan, ExecutionPlan)
        assert limits_of_plan(plan) == limits
        verdict = judge(candidate_of_plan(plan), limits)
        assert verdict.is_accepted
        assert verdict.risk == plan.risk_score
        assert min_amount_out(candidate_of_plan(plan), tolerance_bps=tolerance_bps) == plan.min_amount_out


async def test_what_is_seen_to_be_bad_is_not_simulated(world: World) -> None:
    assert await world.answer(opportunity(clock=world.clock, confidence_bps=5_000)) is None
    assert world.planner.rejected == {Rejection.CONFIDENCE: 1}
    assert world.planner.rejections() == (RejectionCount(reason=Rejection.CONFIDENCE, count=1),)
    assert world.simulator.asked == []


async def test_a_gap_that_has_closed_is_rejected_for_its_profit(world: World) -> None:
    world.simulator.amount_out = LAMPORTS_PER_SOL
    assert await world.answer(opportunity(clock=world.clock)) is None
    assert Rejection.PROFIT in world.planner.rejected


async def test_an_opportunity_two_seconds_old_is_rejected_for_its_age(world: World) -> None:
    found = opportunity(clock=world.clock)
    world.clock.advance_ms(2_000)
    assert await world.answer(found) is None
    assert world.planner.rejected == {Rejection.AGE: 1}


async def test_an_opportunity_on_quotes_vouched_for_too_long_ago_is_rejected_for_its_age(world: World) -> None:
    assert await world.answer(opportunity(clock=world.clock, age_ns=5_000_000_000)) is None
    assert Rejection.AGE in world.planner.rejected


async def test_an_event_of_an_older_writer_that_does_not_say_when_is_old(world: World) -> None:
    undated = replace(opportunity(clock=world.clock), created=NO_MOMENT, freshness=NEVER_VOUCHED)
    assert await world.answer(undated) is None
    assert Rejection.AGE in world.planner.rejected


@pytest.mark.parametrize("step_ns", [-3_600 * 10**9, 3_600 * 10**9])
async def test_a_stepped_wall_clock_changes_no_age(world: World, step_ns: int) -> None:
    found = opportunity(clock=world.clock, age_ns=100_000_000)
    world.clock.step_wall_ns(step_ns)
    assert await world.answer(found) is not None
    world.clock.advance_ms(2_000)
    assert await world.answer(found) is None
    assert world.planner.rejected == {Rejection.AGE: 1}


async def test_a_plan_tells_when_it_was_made_and_how_fresh_the_pools_it_was_simulated_on_are(world: World) -> None:
    plan = await world.answer(opportunity(clock=world.clock, age_ns=100_000_000))
    assert plan is not None
    assert plan.created == moment(world.clock)
    assert plan.freshness == world.simulator.freshness


async def test_a_simulation_on_pools_nobody_vouches_for_makes_no_plan(world: World) -> None:
    world.simulator.freshness = NEVER_VOUCHED
    assert await world.answer(opportunity(clock=world.clock)) is None
    assert world.planner.rejected == {Rejection.RISK: 1}


async def test_a_route_that_cannot_be_filled_is_rejected(world: World) -> None:
    world.simulator.error = NoLiquidity("route", "no pool")
    assert await world.answer(opportunity(clock=world.clock)) is None
    assert world.planner.rejected == {Rejection.SIMULATION: 1}


async def test_a_service_that_does_not_answer_is_the_stages_business(world: World) -> None:
    world.simulator.error = ProviderUnavailable("local_quote", "away")
    with pytest.raises(ProviderUnavailable):
        await world.answer(opportunity(clock=world.clock))
    assert not world.planner.rejected


async def test_nothing_is_planned_while_trading_is_stopped(world: World) -> None:
    world.gate.allows_new_trades = False
    assert await world.answer(opportunity(clock=world.clock)) is None
    assert world.planner.rejected == {Rejection.GATE: 1}
    assert world.simulator.asked == []


async def test_a_stop_during_the_simulation_still_stops_the_plan(world: World) -> None:
    class ClosingTheGate(Simulator):
        async def simulate(self, hops: tuple[RouteHopRequest, ...], amount_in: int) -> Simulation:
            world.gate.allows_new_trades = False
            return await super().simulate(hops, amount_in)

    planner = Planner(
        simulator=ClosingTheGate(world.clock),
        gate=world.gate,
        clock=world.clock,
        limits=SETTINGS.limits,
        rates=CostSettings().rates(),
        tolerance_bps=20,
        hop_tolerance_bps=100,
        lifetime_ns=1,
    )
    assert await planner.answer(opportunity(clock=world.clock)) == ()
    assert planner.rejected == {Rejection.GATE: 1}
