from typing import Any, cast

import orjson
from fakes.fake_clock import FakeClock
from fakes.held_quotes import ONE_SOL, SOL, TOKENS, USDC, held, judge, oracle
from fakes.vouched import vouched

from aggregator.held import HeldQuote, Source
from aggregator.held_answers import HeldAnswers
from aggregator.http_models import QuoteParameters
from aggregator.selection import Standing
from aggregator.table import QuoteTable
from aggregator.told_rows import ToldRows

ASKED = QuoteParameters(input_mint=SOL, output_mint=USDC, amount=ONE_SOL, slippage_bps=33)
ROW = 3


class LookedAt:
    """A table that counts how often an answer was taken out of it as a value, which is when bytes are made of it."""

    def __init__(self, clock: FakeClock) -> None:
        self.table = QuoteTable(tokens=TOKENS, clock=clock, judge=judge(oracle(clock)))
        self.made: list[Source] = []

    def standing(self, index: int) -> Standing | None:
        return self.table.standing(index)

    def held(self, source: Source, index: int) -> HeldQuote | None:
        self.made.append(source)
        return self.table.held(source, index)


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.looked_at = LookedAt(self.clock)
        self.answers = HeldAnswers(cast("ToldRows", self.looked_at), self.clock)
        self.looked_at.table.row_added(ROW, held().key)

    def take(self, output_amount: int = 140_000_000, *, source: Source = Source.LOCAL, uptime: float = 1.0) -> None:
        quote = held(output_amount, source=source, row=ROW, freshness=vouched(self.clock), uptime=uptime)
        self.looked_at.table.take([quote])

    def told(self, asked: QuoteParameters = ASKED) -> Any:
        answer = self.answers.told(ROW, asked, started_mono_ns=self.clock.mono_ns() - 2_000_000)
        return None if answer is None else orjson.loads(answer)


def test_an_answers_bytes_are_made_once_however_often_it_is_asked_for() -> None:
    world = World()
    world.take()
    for slippage_bps in (0, 50, 10_000):
        world.clock.advance_ms(1)
        world.told(ASKED.model_copy(update={"slippage_bps": slippage_bps}))
    assert world.looked_at.made == [Source.LOCAL]


def test_nothing_is_made_of_an_answer_that_nobody_asks_for() -> None:
    world = World()
    for output_amount in range(140_000_000, 140_000_005):
        world.take(output_amount)
    assert world.looked_at.made == []
    assert world.told()["outAmount"] == "140000004"


def test_age_and_score_are_of_the_moment_they_are_told() -> None:
    world = World()
    world.take()
    first = world.told()
    world.clock.advance_ms(3_000)
    second = world.told()
    assert (first["ageMs"], second["ageMs"]) == (0, 3_000)
    assert (first["confidenceFactors"]["poolAge"], second["confidenceFactors"]["poolAge"]) == (1.0, 0.95)
    assert second["confidence"] < first["confidence"]
    assert (first["timeTaken"], second["timeTaken"]) == (0.002, 0.002)


def test_the_least_output_is_of_the_request() -> None:
    world = World()
    world.take(140_000_001)
    assert [
        world.told(ASKED.model_copy(update={"slippage_bps": bps}))["otherAmountThreshold"] for bps in (0, 33, 10_000)
    ] == ["140000001", str(140_000_001 * 9_967 // 10_000), "0"]


def test_each_sources_bytes_stay_while_the_better_one_changes() -> None:
    world = World()
    world.take(source=Source.EXTERNAL)
    world.take()
    assert world.told()["source"] == "local"
    world.take(source=Source.EXTERNAL)
    world.take()
    world.clock.advance_ms(1_000)
    world.take(source=Source.EXTERNAL, uptime=1.0)
    assert (world.told()["source"], world.told()["provider"]) == ("external", "jupiter")
    assert world.looked_at.made == [Source.LOCAL, Source.EXTERNAL]


def test_a_stale_or_missing_local_answer_is_none() -> None:
    world = World()
    assert world.told() is None
    world.take()
    assert world.told() is not None
    world.clock.advance_ms(5_001)
    assert world.told() is None


def test_a_number_that_means_another_amount_tells_nothing_of_the_one_before() -> None:
    world = World()
    world.take()
    world.told()
    other = held().key._replace(input_amount=2 * ONE_SOL)
    world.looked_at.table.row_removed(ROW, held().key)
    world.looked_at.table.row_added(ROW, other)
    assert world.told() is None
    world.looked_at.table.take([held(280_000_000, row=ROW, key=other, freshness=vouched(world.clock))])
    assert world.told()["outAmount"] == "280000000"
