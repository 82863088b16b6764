"""Every reason there is: the planner itself gives it, and counts it under its own label."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from fakes.fake_clock import FakeClock
from fakes.pipeline_events import opportunity, round_trip_hops
from fakes.vouched import vouched

from pipeline.planner.metrics import planner_source
from pipeline.planner.planner import Planner
from pipeline.planner.settings import PlannerSettings
from pipeline.settings import CostSettings
from pipeline.simulation import RouteHopRequest, Simulation
from quote_core.errors import NoLiquidity
from quote_core.events import Rejection, TwoHopArbitrage
from quote_core.freshness import Freshness
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_MS

MIDDLE = 140_000_000


@dataclass
class Market:
    """What the pools give, the same for whatever is asked; `None` = nothing."""

    clock: FakeClock
    amount_out: int | None = LAMPORTS_PER_SOL * 101 // 100
    impact_fraction: float = 0.0003
    depth: int = 10**13
    pool_state_age_ms: int = 50

    async def simulate(self, hops: tuple[RouteHopRequest, ...], amount_in: int) -> Simulation:
        if self.amount_out is None:
            raise NoLiquidity("route", "no pool")
        freshness: Freshness = vouched(self.clock, age_ns=self.pool_state_age_ms * NS_PER_MS, slot=401)
        return Simulation(
            hops=round_trip_hops(amount_in, MIDDLE, self.amount_out),
            amount_out=self.amount_out,
            slot=401,
            freshness=freshness,
            price_impact_fractions=(self.impact_fraction, 0.0),
            depth_amounts=(self.depth, self.depth),
        )


@dataclass
class Case:
    """A planner, and an opportunity that it accepts until something is made worse."""

    settings: dict[str, Any] = field(default_factory=dict)
    market: dict[str, Any] = field(default_factory=dict)
    found: Callable[[TwoHopArbitrage], TwoHopArbitrage] = lambda found: found
    wait_ms: int = 0
    is_stopped: bool = False

    def planner(self, clock: FakeClock) -> Planner:
        settings = PlannerSettings(**self.settings)

        class Gate:
            allows_new_trades = not self.is_stopped

        return Planner(
            simulator=Market(clock, **self.market),
            gate=Gate(),
            clock=clock,
            limits=settings.limits,
            rates=CostSettings().rates(),
            tolerance_bps=settings.slippage_tolerance_bps,
            hop_tolerance_bps=settings.hop_tolerance_bps,
            lifetime_ns=settings.plan_lifetime,
        )


CASES = {
    Rejection.PROFIT: Case(market={"amount_out": LAMPORTS_PER_SOL * 1_003 // 1_000}),
    Rejection.TOO_GOOD: Case(market={"amount_out": LAMPORTS_PER_SOL * 12 // 10}),
    Rejection.CONFIDENCE: Case(found=lambda found: replace(found, confidence_bps=7_000)),
    Rejection.AGE: Case(wait_ms=2_000),
    Rejection.AMOUNT: Case(market={"depth": LAMPORTS_PER_SOL - 1}),
    Rejection.SLIPPAGE: Case(market={"impact_fraction": 0.01}, settings={"risk_below": 1.0}),
    Rejection.RISK: Case(market={"pool_state_age_ms": 5_000}),
    Rejection.SIMULATION: Case(market={"amount_out": None}),
    Rejection.GATE: Case(is_stopped=True),
}


def test_every_reason_there_is_has_a_case_here() -> None:
    assert set(CASES) == set(Rejection)


async def test_what_all_cases_make_worse_is_planned_as_it_is() -> None:
    clock = FakeClock()
    assert len(await Case().planner(clock).answer(opportunity(clock=clock))) == 1


@pytest.mark.parametrize("reason", list(Rejection))
async def test_a_reason_is_given_by_the_planner_and_counted_under_its_own_label(reason: Rejection) -> None:
    case, clock = CASES[reason], FakeClock()
    planner = case.planner(clock)
    found = case.found(opportunity(clock=clock))
    clock.advance_ms(case.wait_ms)
    assert await planner.answer(found) == ()
    assert planner.rejected == {reason: 1}
    source = planner_source(lambda: planner)
    counted = {
        sample.labels: sample.value
        for sample in source.read()
        if sample.family.name == "solquote_planner_rejections_total"
    }
    assert counted == {(each.name.lower(),): float(each is reason) for each in Rejection}
