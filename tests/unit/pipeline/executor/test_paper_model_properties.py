"""Paper's models whatever the market does: no gap pays twice, and their effects account for every lamport."""

import asyncio
from dataclasses import replace

from fakes.executors import RATES
from fakes.gap import Gap
from fakes.plans import plan as any_plan
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.costs import costs_of_plan
from pipeline.executor.paper import PaperVenue
from pipeline.executor.paper_model import Landing, PaperModel, TakenBook, ending_of, landing_of
from pipeline.executor.result import Ending, failed, filled
from quote_core.events import Outcome
from quote_core.units import BPS, LAMPORTS_PER_SOL

ALONE = PaperModel(landing_ns_min=0, landing_ns_max=0, rival_first_bps=0, seed=0)
PLAN = any_plan()
COSTS = costs_of_plan(PLAN, RATES)
ENDINGS = st.integers(0, 2**40).map(
    lambda gain: filled(PLAN, COSTS, hops=PLAN.hops, amount_out=PLAN.min_amount_out + gain, slot=1)
) | st.sampled_from(
    [failed(COSTS, "slippage: less", reached_chain=True), failed(COSTS, "market: none", reached_chain=True)]
)


@given(naive=ENDINGS, sent=st.none() | ENDINGS, landed=ENDINGS, is_rival_first=st.booleans())
def test_the_effects_are_the_difference_between_naive_and_told_to_the_lamport(
    naive: Ending, sent: Ending | None, landed: Ending, is_rival_first: bool
) -> None:
    landing = Landing(0, is_rival_first)
    told = ending_of(COSTS, naive=naive, sent=sent, landed=landed, landing=landing, depths=())
    assert told.profit_lamports - told.effects.total == naive.profit_lamports
    if told.outcome is Outcome.FILLED:
        assert told.profit_lamports == landed.profit_lamports
    else:
        assert told.profit_lamports <= 0


@settings(max_examples=15, deadline=None)
@given(
    sols=st.lists(st.integers(1, 120), min_size=2, max_size=5),
    widened=st.lists(st.sampled_from([0, 0, 0, 40]), min_size=5, max_size=5),
)
def test_whatever_is_tried_on_a_gap_it_pays_once(sols: list[int], widened: list[int]) -> None:
    """What paper is told for all its fills is what real swaps of the same amounts give, one after the other."""

    async def compare() -> None:
        seen, real = Gap(), Gap()
        seen.open()
        real.open()
        venue = PaperVenue(seen.market, RATES, model=ALONE, book=TakenBook(), clock=seen.market.held.clock)
        for number, (sol, by) in enumerate(zip(sols, widened, strict=False)):
            if by:
                seen.open(by=by * LAMPORTS_PER_SOL)
                real.open(by=by * LAMPORTS_PER_SOL)
            plan = await seen.plan(number, sol * LAMPORTS_PER_SOL, slippage_bps=200)
            ending = await venue.execute(plan)
            if ending.outcome is Outcome.FILLED:
                assert ending.actual_amount_out <= real.close(amount=plan.amount_in)
            else:
                assert ending.profit_lamports == 0

    asyncio.run(compare())


@given(
    slot=st.integers(0, 2**63), seed=st.integers(0, 2**64 - 1), low=st.integers(0, 10**9), spread=st.integers(0, 10**9)
)
def test_a_plan_meets_the_same_fate_on_every_executor_and_lands_within_the_bounds(
    slot: int, seed: int, low: int, spread: int
) -> None:
    model = PaperModel(landing_ns_min=low, landing_ns_max=low + spread, rival_first_bps=5_000, seed=seed)
    plan = replace(PLAN, header=replace(PLAN.header, slot=slot))
    landing = landing_of(plan, model)
    other = replace(plan, header=replace(plan.header, event_id=bytes(16), created_unix_ns=1))
    assert landing_of(other, model) == landing
    assert low <= landing.latency_ns <= low + spread
    assert not landing_of(plan, replace(model, rival_first_bps=0)).is_rival_first
    assert landing_of(plan, replace(model, rival_first_bps=BPS)).is_rival_first
