"""What the loop makes of cycles and of a second source, and how it bounds the time that looking takes."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from fakes.cycle_pairs import JITOSOL, SOL, TRIANGLE, USDC
from fakes.fake_clock import FakeClock
from fakes.scanner_turn import HeldTurn
from fakes.shm_quotes import FakeQuotes, quote
from fakes.waiting import eventually

from pipeline.scanner.book import Book
from pipeline.scanner.loop import Scanner
from pipeline.scanner.partition import WHOLE, Partition
from pipeline.scanner.settings import ScannerSettings
from pipeline.settings import CostSettings
from quote_core.events import Event, SourceDivergence, TriangularArbitrage, TwoHopArbitrage, decode, encode
from quote_core.freshness import Freshness
from quote_core.units import LAMPORTS_PER_SOL
from shm import ENTRY_COUNT, Quote

SOL_IN, USDC_BETWEEN, JITOSOL_BETWEEN = LAMPORTS_PER_SOL, 140_000_000, 900_000_000
GAINING = LAMPORTS_PER_SOL * 101 // 100
LOOK_NS = 2_000_000


class Publisher:
    """Takes its time: how long each publish takes is set by the test."""

    def __init__(self, clock: FakeClock) -> None:
        self.events: list[Event] = []
        self.takes_ms = 0
        self._clock = clock

    async def publish(self, event: Event) -> None:
        assert decode(encode(event)) == event
        self.events.append(event)
        self._clock.advance_ms(self.takes_ms)


class Gate:
    """Open; asked before each look, which takes as long as the test says."""

    def __init__(self, clock: FakeClock) -> None:
        self.look_takes_ms = 0
        self._clock = clock

    @property
    def allows_new_trades(self) -> bool:
        self._clock.advance_ms(self.look_takes_ms)
        return True


class World:
    """A scanner over the triangle, one amount a direction, and everything it touches."""

    def __init__(self, partition: Partition = WHOLE) -> None:
        self.quotes, self.clock, self.turn = FakeQuotes(), FakeClock(), HeldTurn()
        self.gate, self.publisher = Gate(self.clock), Publisher(self.clock)
        settings = ScannerSettings()
        self.scanner = Scanner(
            quotes=self.quotes,
            book=Book(TRIANGLE, amount_count=1, partition=partition, cycle_leg_count_max=4),
            publisher=self.publisher,
            gate=self.gate,
            turn=self.turn,
            clock=self.clock,
            rates=CostSettings().rates(),
            thresholds=settings.thresholds(),
            quote_age_ns_max=settings.quote_age_max,
            look_ns_max=LOOK_NS,
            told_lately=settings.told_lately(self.clock),
        )

    def row(self, index: int, amount_in: int, amount_out: int, **changes: float) -> Quote:
        position, is_reverse = divmod(index % ENTRY_COUNT, 2)
        amounts = {"input_amount": amount_in, "output_amount": amount_out, "ts_ns": self.clock.unix_ns()}
        usual = {"oracle_price": float("nan"), **amounts, **changes}
        return quote(index, pair=TRIANGLE[position], is_reverse=bool(is_reverse), **usual)

    def round_the_triangle(self, amount_out: int = GAINING, **changes: float) -> tuple[Quote, ...]:
        return (
            self.row(0, SOL_IN, USDC_BETWEEN, **changes),
            self.row(5, USDC_BETWEEN, JITOSOL_BETWEEN, **changes),
            self.row(3, JITOSOL_BETWEEN, amount_out, **changes),
        )

    async def see(self, *quotes: Quote) -> list[Event]:
        self.publisher.events.clear()
        await self.scanner.look_at(self.quotes.put(*quotes))
        return list(self.publisher.events)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_gain_round_a_triangle_is_told_with_all_it_rests_on(world: World) -> None:
    first, second, third = world.round_the_triangle()
    (found,) = await world.see(first, second, third)
    assert isinstance(found, TriangularArbitrage)
    assert (found.pair, found.mints) == ("SOL-USDC-JitoSOL", (SOL.mint, USDC.mint, JITOSOL.mint))
    assert found.amounts == (SOL_IN, USDC_BETWEEN, JITOSOL_BETWEEN, GAINING)
    assert (found.rows, found.route_ids) == ((0, 5, 3), (100, 105, 103))
    assert (found.gross_profit_lamports, found.gross_profit_bps) == (10_000_000, 100)
    assert found.net_profit_lamports == 10_000_000 - 500_000 - 10_000 - 5_000
    assert (found.confidence_bps, found.price_impact_ppm, found.header.slot) == (9_000, 150, 400)
    assert found.freshness == Freshness(found.created, 400)


async def test_the_other_way_round_is_another_cycle_and_gains_nothing_here(world: World) -> None:
    await world.see(*world.round_the_triangle())
    counts = world.scanner.counts
    assert (counts.searched, counts.ruled_out) == (1, 0)  # no row of the other way has changed
    assert await world.see(world.row(1, USDC_BETWEEN, SOL_IN * 99 // 100)) == []
    assert (counts.searched, counts.ruled_out) == (1, 1)


async def test_a_size_between_rows_rests_on_both(world: World) -> None:
    there, between, back = world.round_the_triangle(GAINING)
    smaller = world.row(5, USDC_BETWEEN // 2, JITOSOL_BETWEEN // 2, route_id=105, confidence_bps=8_000)
    assert await world.see(there, smaller) == []
    (found,) = await world.see(back)
    assert isinstance(found, TriangularArbitrage)
    assert found.amounts[:3] == (SOL_IN // 2, USDC_BETWEEN // 2, JITOSOL_BETWEEN // 2)
    assert found.amounts[3] == GAINING // 2
    assert found.confidence_bps == 8_000
    assert between.index == smaller.index


async def test_a_cycle_of_rows_that_no_longer_stand_together_is_not_told_of(world: World) -> None:
    indexes = world.quotes.put(*world.round_the_triangle())
    world.quotes.standing[5] = world.row(5, USDC_BETWEEN, JITOSOL_BETWEEN, version=4)
    await world.scanner.look_at(indexes)
    assert world.publisher.events == []
    assert world.scanner.counts.torn == 1


async def test_a_cycle_with_a_leg_past_its_age_is_not_looked_at(world: World) -> None:
    *rest, back = world.round_the_triangle()
    await world.see(*rest)
    world.clock.advance_ms(5_001)
    assert await world.see(world.row(3, JITOSOL_BETWEEN, GAINING)) == []
    assert back.ts_ns < world.clock.unix_ns()


async def test_a_gain_no_market_gives_is_told_to_nobody(world: World) -> None:
    assert await world.see(*world.round_the_triangle(2**62)) == []
    assert world.scanner.counts.implausible == 1


async def test_a_cycle_that_goes_on_is_told_again_after_the_window_or_once_it_is_better(world: World) -> None:
    assert len(await world.see(*world.round_the_triangle())) == 1
    assert await world.see(*world.round_the_triangle(slot=401)) == []
    assert world.scanner.findings.repeated_count == 1
    assert len(await world.see(*world.round_the_triangle(GAINING + SOL_IN // 500, slot=401))) == 1
    world.clock.advance_ms(1_000)
    assert len(await world.see(*world.round_the_triangle(slot=402))) == 1


async def test_a_cycle_is_its_partitions_and_the_pairs_it_leads_through_are_followed_there() -> None:
    told: list[tuple[int, str]] = []
    for index in range(5):
        world = World(Partition(index=index, count=5))
        events = await world.see(*world.round_the_triangle(), world.row(1, USDC_BETWEEN, GAINING))
        told += [(index, event.pair) for event in events if isinstance(event, TwoHopArbitrage | TriangularArbitrage)]
    assert sorted(pair for _, pair in told) == ["SOL-USDC", "SOL-USDC-JitoSOL"]  # each once


async def test_a_provider_far_from_our_pools_is_told_of_once_for_as_long_as_it_is(world: World) -> None:
    ours = world.row(0, SOL_IN, USDC_BETWEEN)
    theirs = world.row(ENTRY_COUNT, SOL_IN, USDC_BETWEEN * 98 // 100, source=2, confidence_bps=7_000, route_id=9)
    (found,) = await world.see(ours, theirs)
    assert isinstance(found, SourceDivergence)
    assert (found.pair, found.amount_in, found.divergence_bps) == ("SOL-USDC", SOL_IN, 204)
    assert (found.local_row, found.external_row) == (0, ENTRY_COUNT)
    assert (found.local_amount_out, found.external_amount_out) == (USDC_BETWEEN, USDC_BETWEEN * 98 // 100)
    assert (found.local_confidence_bps, found.external_confidence_bps) == (9_000, 7_000)
    assert await world.see(ours, theirs) == []
    assert await world.see(world.row(ENTRY_COUNT, SOL_IN, USDC_BETWEEN, source=2)) == []  # near again
    assert len(await world.see(theirs)) == 1


async def test_a_provider_below_and_then_above_is_news_and_one_that_is_silent_is_none(world: World) -> None:
    ours = world.row(0, SOL_IN, USDC_BETWEEN)
    less, more = (
        world.row(ENTRY_COUNT, SOL_IN, USDC_BETWEEN * percent // 100, source=2, dex_id=0) for percent in (98, 102)
    )
    assert len(await world.see(ours, less)) == 1
    del world.quotes.entries[ENTRY_COUNT]
    await world.scanner.look_at([ENTRY_COUNT])
    assert await world.see(less) == []
    assert len(await world.see(more)) == 1


async def test_what_is_left_over_waits_for_the_next_turn_behind_what_changed(world: World) -> None:
    world.gate.look_takes_ms = 3  # more than looking may take
    gaps = (
        *world.round_the_triangle(),
        world.row(1, USDC_BETWEEN, GAINING),
        world.row(2, SOL_IN, JITOSOL_BETWEEN),
    )
    (first,) = await world.see(*gaps)
    assert isinstance(first, TwoHopArbitrage)
    assert first.pair == "SOL-USDC"
    waiting = world.scanner.counts.deferred
    assert waiting == 3  # two pairs and the cycle whose rates gain
    assert await world.see(world.row(4, JITOSOL_BETWEEN, USDC_BETWEEN * 103 // 100)) == []  # its pair gains nothing
    told = []
    for _ in range(3):
        told += [event.pair for event in await world.see()]
    assert told == ["SOL-JitoSOL-USDC", "SOL-JitoSOL", "SOL-USDC-JitoSOL"]  # the cycle through it, then what waited


async def test_among_what_changed_what_waited_comes_first_so_that_nothing_waits_for_ever(world: World) -> None:
    world.gate.look_takes_ms = 3
    gaps = (
        *(world.row(0, SOL_IN, USDC_BETWEEN), world.row(1, USDC_BETWEEN, GAINING)),
        *(world.row(2, SOL_IN, JITOSOL_BETWEEN), world.row(3, JITOSOL_BETWEEN, GAINING)),
    )
    told = []
    for _ in range(2):
        told += [event.pair for event in await world.see(*gaps)]
    assert told == ["SOL-USDC", "SOL-JitoSOL"]


async def test_publishing_takes_no_time_from_looking(world: World) -> None:
    world.publisher.takes_ms = 1_000
    found = await world.see(*world.round_the_triangle(), world.row(1, USDC_BETWEEN, GAINING))
    assert [event.pair for event in found] == ["SOL-USDC", "SOL-USDC-JitoSOL"]
    assert world.scanner.counts.deferred == 0


async def test_a_round_trip_that_does_not_begin_with_sol_is_none(world: World) -> None:
    """Costs are lamports, and the loan is of SOL."""
    there, back = world.row(4, SOL_IN, USDC_BETWEEN), world.row(5, USDC_BETWEEN, GAINING)
    assert await world.see(there, back) == []


async def test_what_waits_is_looked_at_without_another_change(world: World) -> None:
    world.gate.look_takes_ms = 3
    ever = asyncio.Event()
    rows = world.quotes.put(*world.round_the_triangle(), world.row(1, USDC_BETWEEN, GAINING))

    async def changes() -> AsyncGenerator[tuple[int, ...], None]:
        yield rows
        await ever.wait()
        yield ()

    world.quotes.changes = changes  # type: ignore[method-assign]
    scanning = asyncio.create_task(world.scanner.run())
    await eventually(lambda: len(world.publisher.events) == 2)
    ever.set()
    await scanning
    assert {event.pair for event in world.publisher.events} == {"SOL-USDC", "SOL-USDC-JitoSOL"}


async def test_scanning_ends_when_it_is_cancelled_while_something_waits(world: World) -> None:
    world.gate.look_takes_ms = 3
    rows = world.quotes.put(*world.round_the_triangle(), world.row(1, USDC_BETWEEN, GAINING))
    closed = asyncio.Event()

    async def changes() -> AsyncGenerator[tuple[int, ...], None]:
        try:
            yield rows
            await asyncio.Event().wait()
        finally:
            closed.set()

    world.quotes.changes = changes  # type: ignore[method-assign]
    scanning = asyncio.create_task(world.scanner.run())
    await eventually(lambda: bool(world.scanner.counts.deferred) and len(world.publisher.events) == 2)
    scanning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scanning
    assert closed.is_set()
