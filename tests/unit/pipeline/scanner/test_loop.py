from dataclasses import replace

import pytest
from fakes.fake_clock import FakeClock
from fakes.scanner_turn import HeldTurn
from fakes.shm_quotes import FakeQuotes, quote

from pipeline.scanner.book import Book
from pipeline.scanner.loop import Scanner
from pipeline.scanner.settings import ScannerSettings
from pipeline.settings import CostSettings
from quote_core.clock import moment
from quote_core.errors import InvalidField, ProviderUnavailable, SolquoteError
from quote_core.events import Event, PriceDivergence, TwoHopArbitrage, encode
from quote_core.freshness import Freshness
from quote_core.tokens import load_tokens
from quote_core.units import LAMPORTS_PER_SOL
from shm import Liveness, Quote

PAIRS = load_tokens().pairs
GAINING = LAMPORTS_PER_SOL * 1_008 // 1_000


class Publisher:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.error: SolquoteError | None = None

    async def publish(self, event: Event) -> None:
        if self.error is not None:
            raise self.error
        encode(event)
        self.events.append(event)


class Gate:
    allows_new_trades = True


class World:
    """A scanner and everything it touches."""

    def __init__(self) -> None:
        self.quotes, self.publisher, self.gate, self.clock = FakeQuotes(), Publisher(), Gate(), FakeClock()
        self.turn = HeldTurn()
        settings = ScannerSettings()
        self.scanner = Scanner(
            quotes=self.quotes,
            book=Book(PAIRS, amount_count=1),
            publisher=self.publisher,
            gate=self.gate,
            turn=self.turn,
            clock=self.clock,
            rates=CostSettings().rates(),
            thresholds=settings.thresholds(),
            quote_age_ns_max=settings.quote_age_max,
        )

    def there(self, **changes: float) -> Quote:
        return quote(0, ts_ns=self.clock.unix_ns(), **changes)

    def back(self, output_amount: int = GAINING, **changes: float) -> Quote:
        return quote(1, is_reverse=True, output_amount=output_amount, ts_ns=self.clock.unix_ns(), **changes)

    async def see(self, *quotes: Quote) -> list[Event]:
        self.publisher.events.clear()
        await self.scanner.look_at(self.quotes.put(*quotes))
        return list(self.publisher.events)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_gap_is_told_of_once_a_slot(world: World) -> None:
    (found,) = await world.see(world.there(), world.back())
    assert isinstance(found, TwoHopArbitrage)
    assert (found.pair, found.amount_out, found.header.slot) == ("SOL-USDC", GAINING, 400)
    assert await world.see(world.there(), world.back()) == []
    assert len(await world.see(world.there(slot=401), world.back(slot=401))) == 1


async def test_the_same_gap_has_the_same_id_after_a_restart(world: World) -> None:
    (first,) = await world.see(world.there(), world.back())
    (second,) = await World().see(world.there(), world.back())
    assert first.header.event_id == second.header.event_id


async def test_the_same_slot_lived_through_again_gives_another_id(world: World) -> None:
    (first,) = await world.see(world.there(), world.back())
    later = World()
    later.clock.advance_ms(1)
    (second,) = await later.see(later.there(), later.back())
    assert first.header.slot == second.header.slot
    assert first.header.event_id != second.header.event_id


async def test_each_leg_may_come_at_its_own_time(world: World) -> None:
    assert await world.see(world.there()) == []
    assert len(await world.see(world.back())) == 1


async def test_legs_that_no_longer_stand_together_are_not_told_of(world: World) -> None:
    indexes = world.quotes.put(world.there(), world.back())
    world.quotes.standing[0] = world.there(version=4)
    await world.scanner.look_at(indexes)
    assert world.publisher.events == []
    assert world.scanner.counts.torn == 1


async def test_quotes_of_a_dead_writer_are_not_told_of(world: World) -> None:
    world.quotes.state = Liveness.DEAD
    assert await world.see(world.there(), world.back()) == []


async def test_a_quote_past_its_age_is_not_looked_at(world: World) -> None:
    old = world.there()
    world.clock.advance_ms(5_001)
    assert await world.see(old, world.back()) == []


async def test_a_row_that_cannot_be_read_is_forgotten_until_it_is_announced_again(world: World) -> None:
    await world.see(world.there())
    del world.quotes.entries[0]
    await world.scanner.look_at([0])
    assert await world.see(world.back()) == []


async def test_with_the_gate_closed_nothing_is_told_and_nothing_is_missed_when_it_opens(world: World) -> None:
    world.gate.allows_new_trades = False
    assert await world.see(world.there(), world.back()) == []
    assert world.scanner.counts.gated == 1
    world.gate.allows_new_trades = True
    assert len(await world.see(world.there())) == 1  # the reverse leg was taken in meanwhile


async def test_a_finding_that_cannot_be_sent_is_dropped_and_counted(world: World) -> None:
    world.publisher.error = ProviderUnavailable("nats", "away")
    assert await world.see(world.there(), world.back()) == []
    assert (world.scanner.counts.dropped, world.scanner.counts.published) == (1, 0)


async def test_a_finding_that_was_not_sent_is_told_of_when_it_can_be(world: World) -> None:
    world.publisher.error = ProviderUnavailable("nats", "away")
    far_off = world.there(oracle_price=137.0)
    await world.see(far_off, world.back())
    world.publisher.error = None
    told = await world.see(far_off, world.back())
    assert [type(event) for event in told] == [TwoHopArbitrage, PriceDivergence]
    assert await world.see(far_off, world.back()) == []


async def test_a_finding_no_event_can_say_is_dropped_and_the_loop_goes_on(world: World) -> None:
    world.publisher.error = InvalidField("gross_profit_bps", "must fit 32 bits")
    assert await world.see(world.there(), world.back()) == []
    assert world.scanner.counts.dropped == 1
    world.publisher.error = None
    assert len(await world.see(world.there(), world.back())) == 1


@pytest.mark.parametrize("output_amount", [2**64 - 1, 2**63 - 1, 200 * LAMPORTS_PER_SOL])
async def test_an_output_no_market_gives_is_told_to_nobody_and_stops_nothing(world: World, output_amount: int) -> None:
    impossible = world.back(output_amount, oracle_price=float("nan"))
    assert await world.see(world.there(), impossible) == []
    assert len(await world.see(world.there(), world.back())) == 1


async def test_an_oracle_price_next_to_nothing_stops_nothing(world: World) -> None:
    assert await world.see(world.there(oracle_price=5e-324)) == []
    assert world.scanner.counts.implausible == 1


async def test_a_finding_tells_when_it_was_made_and_how_old_its_older_leg_is(world: World) -> None:
    older = world.back(slot=399)
    world.clock.advance_ms(700)
    newer = world.there(slot=401)
    world.clock.advance_ms(300)
    (found,) = await world.see(older, newer)
    assert isinstance(found, TwoHopArbitrage)
    now = moment(world.clock)
    assert found.created == now
    assert found.freshness == Freshness(now.earlier_by(1_000_000_000), 399)
    world.clock.advance_ms(50)
    stepped = replace(moment(world.clock), unix_ns=0)
    assert found.freshness.age_ns(stepped) == 1_050_000_000


@pytest.mark.parametrize(("ahead_ms", "found"), [(100, 1), (101, 0), (3_600_000, 0)])
async def test_a_quote_vouched_for_in_the_future_is_not_looked_at(world: World, ahead_ms: int, found: int) -> None:
    ahead = quote(0, ts_ns=world.clock.unix_ns() + ahead_ms * 1_000_000)
    assert len(await world.see(ahead, world.back())) == found


async def test_a_divergence_of_a_dead_writers_quote_is_not_told_of(world: World) -> None:
    world.quotes.state = Liveness.DEAD
    assert await world.see(world.there(oracle_price=137.0)) == []


async def test_a_clients_row_is_not_traded_on(world: World) -> None:
    client_row = len(PAIRS) * 2
    there = quote(client_row, ts_ns=world.clock.unix_ns())
    assert await world.see(there, world.back()) == []


async def test_a_divergence_is_told_of_once_for_as_long_as_it_lasts(world: World) -> None:
    far_off = world.there(oracle_price=137.0)
    (found,) = await world.see(far_off)
    assert isinstance(found, PriceDivergence)
    assert found.divergence_bps == 219
    assert await world.see(far_off) == []
    assert await world.see(world.there()) == []  # back at the oracle's price
    assert len(await world.see(far_off)) == 1


async def test_every_batch_of_changes_is_followed(world: World) -> None:
    world.quotes.put(world.there(), world.back())
    world.quotes.batches = [(0,), (1,)]
    await world.scanner.run()
    assert world.scanner.counts.changes == 2
    assert len(world.publisher.events) == 1


async def test_who_stands_by_follows_and_tells_once_it_is_its_turn(world: World) -> None:
    world.turn.is_held = False
    assert await world.see(world.there(), world.back()) == []
    assert (world.scanner.counts.stood_by, world.scanner.counts.looked_at) == (1, 0)
    world.turn.is_held = True
    (found,) = await world.see(world.back())
    assert isinstance(found, TwoHopArbitrage)


async def test_a_turn_that_ends_while_the_bus_takes_its_time_ends_the_telling(world: World) -> None:
    publish = world.publisher.publish

    async def slowly(event: Event) -> None:
        await publish(event)
        world.turn.is_held = False

    world.publisher.publish = slowly  # type: ignore[method-assign]
    seen = await world.see(world.there(oracle_price=100.0), world.back(oracle_price=1 / 100.0))
    assert len(seen) == 1
    world.turn.is_held = True
    assert len(await world.see(world.there(oracle_price=100.0), world.back(oracle_price=1 / 100.0))) == 1
