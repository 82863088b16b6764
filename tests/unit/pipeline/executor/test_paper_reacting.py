"""Paper in a market that reacts: what a trader sees who fills the same gap again, lands late, or meets a rival."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes.executors import RATES
from fakes.gap import Gap

from pipeline.costs import costs_of_plan
from pipeline.executor.paper import NaivePaperVenue, PaperVenue
from pipeline.executor.paper_model import PaperModel, TakenBook, landing_of
from pipeline.executor.result import Ending
from quote_core.errors import ProviderUnavailable
from quote_core.events import ExecutionPlan, Outcome
from quote_core.units import LAMPORTS_PER_SOL

ALONE = PaperModel(landing_ns_min=0, landing_ns_max=0, rival_first_bps=0, seed=0)
LATE = replace(ALONE, landing_ns_min=400_000_000, landing_ns_max=1_200_000_000)
BEATEN = replace(ALONE, rival_first_bps=10_000)
FIFTY = 50 * LAMPORTS_PER_SOL
NETWORK_FEE = 10_000


class Trader:
    """An executor's venue on a gap; `meanwhile` happens while a transaction is on its way."""

    def __init__(self, gap: Gap, model: PaperModel = ALONE, *, book: TakenBook | None = None) -> None:
        self.gap = gap
        self.meanwhile: Callable[[], object] = lambda: None
        self.slept_s: list[float] = []
        self.venue = PaperVenue(
            gap.market, RATES, model=model, book=book or TakenBook(), clock=gap.market.held.clock, sleep=self._sleep
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        await asyncio.sleep(0)
        self.meanwhile()

    async def trade(self, plan: ExecutionPlan) -> Ending:
        naive = await NaivePaperVenue(self.gap.market, RATES, clock=self.gap.market.held.clock).execute(plan)
        ending = await self.venue.execute(plan)
        assert ending.profit_lamports - ending.effects.total == naive.profit_lamports
        return ending


@pytest.fixture
def gap() -> Gap:
    opened = Gap()
    opened.open()
    return opened


async def test_a_gap_that_paper_took_is_not_filled_again_while_its_pools_stand_still(gap: Gap) -> None:
    trader = Trader(gap)
    first = await trader.trade(await gap.plan(1, FIFTY))
    again = await trader.trade(await gap.plan(2, FIFTY))
    assert first.outcome is Outcome.FILLED
    assert (again.outcome, again.profit_lamports) == (Outcome.REFUSED, 0)
    assert again.reason.startswith("taken: paper took this depth before")
    assert again.effects.taken == -first.profit_lamports


async def test_another_amount_gets_what_the_first_left(gap: Gap) -> None:
    trader = Trader(gap)
    await trader.trade(await gap.plan(1, FIFTY))
    plan = await gap.plan(2, 2 * FIFTY, slippage_bps=50)
    told = await trader.trade(plan)
    gap.close(amount=FIFTY)
    assert (told.outcome, told.actual_amount_out) == (Outcome.FILLED, gap.close(amount=2 * FIFTY))
    assert told.effects.taken < 0


async def test_a_gap_the_market_closed_and_opened_again_is_filled_again(gap: Gap) -> None:
    trader = Trader(gap)
    await trader.trade(await gap.plan(1, FIFTY))
    gap.close(amount=8 * FIFTY)
    gap.open(by=16 * FIFTY)
    ending = await trader.trade(await gap.plan(2, FIFTY))
    assert (ending.outcome, ending.effects.taken) == (Outcome.FILLED, 0)


async def test_a_gap_the_market_only_widened_pays_for_the_widening_alone(gap: Gap) -> None:
    trader = Trader(gap)
    first = await trader.trade(await gap.plan(1, FIFTY))
    gap.open(by=FIFTY)
    wider = await gap.plan(2, FIFTY, slippage_bps=100)
    again = await trader.trade(wider)
    untouched = wider.expected_amount_out - FIFTY - costs_of_plan(wider, RATES).total_lamports
    assert again.effects.taken < 0 < first.profit_lamports < untouched
    assert again.profit_lamports < untouched


async def test_what_another_executor_took_is_taken_for_this_one(gap: Gap) -> None:
    book = TakenBook()
    await Trader(gap, book=book).trade(await gap.plan(1, FIFTY))
    other = await Trader(gap, book=book).trade(await gap.plan(2, FIFTY))
    assert other.outcome is Outcome.REFUSED


async def test_of_two_on_their_way_at_once_one_takes_the_gap(gap: Gap) -> None:
    trader = Trader(gap)
    one, other = await gap.plan(1, FIFTY), await gap.plan(2, FIFTY)
    endings = await asyncio.gather(trader.venue.execute(one), trader.venue.execute(other))
    assert sorted(ending.outcome.name for ending in endings) == ["FILLED", "MISSED"]


async def test_the_market_moves_on_until_a_transaction_lands(gap: Gap) -> None:
    trader = Trader(gap, LATE)
    trader.meanwhile = lambda: gap.close(amount=8 * FIFTY)
    plan = await gap.plan(1, FIFTY)
    ending = await trader.venue.execute(plan)
    assert trader.slept_s == [landing_of(plan, LATE).latency_ns / 1e9]
    assert 0.4 <= trader.slept_s[0] <= 1.2
    assert (ending.outcome, ending.profit_lamports) == (Outcome.MISSED, -NETWORK_FEE)
    assert ending.reason.startswith("moved: slippage")
    naive_profit = plan.expected_amount_out - FIFTY - costs_of_plan(plan, RATES).total_lamports
    assert ending.effects.latency == ending.profit_lamports - naive_profit
    assert ending.taken == (), "what was missed takes nothing"


async def test_a_rival_who_is_first_has_the_gap_and_keeps_it(gap: Gap) -> None:
    book = TakenBook()
    lost = await Trader(gap, BEATEN, book=book).trade(await gap.plan(1, FIFTY))
    assert (lost.outcome, lost.profit_lamports) == (Outcome.MISSED, -NETWORK_FEE)
    assert lost.reason.startswith("rival")
    assert lost.effects.rivals < -NETWORK_FEE
    again = await Trader(gap, ALONE, book=book).trade(await gap.plan(2, FIFTY))
    assert again.outcome is Outcome.REFUSED


async def test_a_service_that_falls_silent_while_it_lands_is_no_trade_and_no_effect(gap: Gap) -> None:
    trader = Trader(gap)

    async def silent(*_: object, **__: object) -> object:
        raise ProviderUnavailable("local_quote", "away")

    trader.meanwhile = lambda: setattr(gap.market, "simulate", silent)
    plan = await gap.plan(1, FIFTY)
    ending = await trader.venue.execute(plan)
    assert (ending.outcome, ending.profit_lamports, ending.effects.total) == (Outcome.FAILED, 0, 0)
    assert ending.reason.startswith("unavailable")


async def test_a_plan_the_market_never_held_fails_as_it_always_did(gap: Gap) -> None:
    plan = await gap.plan(1, FIFTY)
    gap.close(amount=8 * FIFTY)
    ending = await Trader(gap).trade(plan)
    assert (ending.outcome, ending.effects.total) == (Outcome.FAILED, 0)
