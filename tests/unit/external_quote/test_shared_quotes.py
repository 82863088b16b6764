"""Two processes and what they share: one asks, both know, and what no provider could have said is not believed."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_quotes import (
    KEY,
    OTHER,
    REVERSE,
    FakeProvider,
    S,
    answer,
    answers_kept,
    guard,
    ranked,
    shared_quotes,
)
from fakes.shared_cache import FakeSharedCache, SharedMemory
from fakes.waiting import eventually
from hypothesis import given
from hypothesis import strategies as st

from external_quote.quoter import ProviderQuoter
from external_quote.refresher import QuoteRefresher
from external_quote.shared_quotes import SharedQuotes
from external_quote.split_cache import CachedQuote, SplitCache
from external_quote.stream_demand import StreamDemand
from quote_core.clock import moment
from quote_core.errors import ProviderUnavailable
from quote_core.outside import SLOT_MAX
from quote_core.quotes import QuoteKey
from quote_core.resilience import Party
from quote_core.units import AMOUNT_MAX

MS = 1_000_000


@dataclass
class Process:
    """One of several, with its own key to the provider unless that is given."""

    clock: FakeClock
    shared: FakeSharedCache
    provider: FakeProvider
    cache: SplitCache
    quotes: SharedQuotes
    quoter: ProviderQuoter

    async def ask(self, key: QuoteKey = KEY) -> CachedQuote:
        return await self.quoter.quote(key, party=Party.ON_DEMAND, slippage_bps=50, timeout_ns=None)

    async def ask_both(self) -> tuple[object, object]:
        return await self.quoter.paired(KEY, REVERSE, party=Party.REFRESH, slippage_bps=50)


def process(memory: SharedMemory, *, clock: FakeClock | None = None, name: str = "jupiter") -> Process:
    """With a clock of its own where that is given: those of hosts know nothing of each other."""
    clock = clock or FakeClock()
    shared, provider = FakeSharedCache(memory), FakeProvider(name)
    cache = SplitCache(price_ttl_ns=10 * S, route_ttl_ns=30 * S, stale_after_ns=60 * S, count_max=100, clock=clock)
    quotes = shared_quotes(cache, clock, shared)
    quoter = ProviderQuoter(
        ranked(guard(provider, clock, rate_per_s=100, burst_count=100)),
        cache,
        quotes,
        clock=clock,
        request_timeout_ns=2 * S,
        paired_timeout_ns=S,
        answers=answers_kept(),
    )
    return Process(clock, shared, provider, cache, quotes, quoter)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def memory(clock: FakeClock) -> SharedMemory:
    return SharedMemory(clock)


async def test_what_one_was_answered_the_other_gives_with_its_age_and_route(
    clock: FakeClock, memory: SharedMemory
) -> None:
    one, other = (process(memory, clock=clock) for _ in range(2))
    asked = await one.ask()
    clock.advance_ns(7 * S)
    given_ = await other.ask()
    assert other.provider.asked == []
    assert (given_.quote, given_.provider, given_.latency_ms) == (asked.quote, asked.provider, asked.latency_ms)
    assert 7 * S <= other.cache.price_age_ns(given_) < 7 * S + 2 * MS
    assert 7 * S <= other.cache.route_age_ns(given_) < 7 * S + 2 * MS
    assert other.quotes.adopted_count == 1
    clock.advance_ns(4 * S)
    await other.ask()
    assert [key for key, _ in other.provider.asked] == [KEY], "it is young no longer"


async def test_many_who_want_the_same_at_once_ask_once(clock: FakeClock, memory: SharedMemory) -> None:
    processes = [process(memory, clock=clock) for _ in range(8)]
    for one in processes:
        one.provider.gate.clear()
    asking = [asyncio.create_task(one.ask()) for one in processes]
    await eventually(lambda: any(one.provider.asked for one in processes))
    for one in processes:
        one.provider.gate.set()
    assert {quote.quote for quote in await asyncio.gather(*asking)} == {answer()}
    assert sum(len(one.provider.asked) for one in processes) == 1


async def test_turn_of_one_that_fails_is_the_next_ones_at_once(clock: FakeClock, memory: SharedMemory) -> None:
    one, other = (process(memory, clock=clock) for _ in range(2))
    one.provider.errors = [ProviderUnavailable("jupiter", "answered 500")] * 9
    with pytest.raises(ProviderUnavailable):
        await one.ask()
    assert memory.locks == {}
    assert (await other.ask()).quote == answer()


async def test_one_that_hangs_is_waited_for_no_longer_than_a_pair_takes(clock: FakeClock, memory: SharedMemory) -> None:
    one, other = (process(memory, clock=clock) for _ in range(2))
    one.provider.gate.clear()
    hanging = asyncio.create_task(one.ask())
    await eventually(lambda: bool(one.provider.asked))
    waiting = asyncio.create_task(other.ask())
    await eventually(lambda: other.shared.look_count > 1)
    assert not other.provider.asked
    clock.advance_ns(S // 2)
    assert (await waiting).quote == answer()
    assert len(other.provider.asked) == 1
    one.provider.gate.set()
    await hanging


async def test_pair_is_taken_from_another_only_where_that_asked_for_both_just_now(
    clock: FakeClock, memory: SharedMemory
) -> None:
    one, other, third = (process(memory, clock=clock) for _ in range(3))
    await one.ask_both()
    pair = await other.ask_both()
    assert other.provider.asked == []
    assert all(isinstance(quote, CachedQuote) for quote in pair)
    clock.advance_ns(2 * S)
    await third.ask_both()
    assert [key for key, _ in third.provider.asked] == [KEY, REVERSE]


async def test_pair_of_two_providers_is_none(clock: FakeClock, memory: SharedMemory) -> None:
    one, two = process(memory, clock=clock), process(memory, clock=clock, name="other")
    third = process(memory, clock=clock)
    await one.ask(KEY)
    await two.ask(REVERSE)
    await third.ask_both()
    assert [key for key, _ in third.provider.asked] == [KEY, REVERSE]


async def test_news_are_adopted_where_a_stream_wants_them_and_leave_the_refresh_nothing_to_do(
    clock: FakeClock, memory: SharedMemory
) -> None:
    one, other = (process(memory, clock=clock) for _ in range(2))
    await one.ask(KEY)
    await one.ask(OTHER)
    demand = StreamDemand(count_max=10)
    refresher = QuoteRefresher(demand, other.quoter, other.quotes, clock=clock, price_ttl_ns=10 * S)
    with demand.follow([(KEY, 0)]):
        hearing = asyncio.create_task(refresher.run_news())
        await eventually(lambda: other.quotes.adopted_count == 1)
        refreshing = asyncio.create_task(refresher.run())
        assert other.cache.newest(KEY) is not None
        assert other.cache.newest(OTHER) is None
        clock.advance_ns(10 * S + 1 * MS)
        await eventually(lambda: bool(other.provider.asked))
        assert [key for key, _ in other.provider.asked] == [KEY]
        hearing.cancel()
        refreshing.cancel()


async def test_older_answer_of_another_replaces_no_newer_one(clock: FakeClock, memory: SharedMemory) -> None:
    one, other = (process(memory, clock=clock) for _ in range(2))
    await one.ask()
    clock.advance_ns(1 * S)
    other.shared.is_shared = False
    own = await other.ask()
    other.shared.is_shared = True
    adopted, _ = await other.quotes.news((KEY,))
    assert adopted == []
    assert other.cache.newest(KEY) is own


async def test_without_anybody_to_share_with_nothing_is_looked_up(clock: FakeClock, memory: SharedMemory) -> None:
    one = process(memory, clock=clock)
    one.shared.is_shared = False
    await one.ask()
    assert (one.shared.look_count, memory.values) == (0, {})


async def test_what_stands_for_one_recorded_market_answers_for_no_other(clock: FakeClock, memory: SharedMemory) -> None:
    one, other = (process(memory, clock=clock) for _ in range(2))
    other.quotes = SharedQuotes(
        other.shared,
        other.cache,
        urls={"jupiter": "http://stand-in"},
        clock=clock,
        price_ttl_ns=10 * S,
        keep_ns=60 * S,
        turn_ns=2 * S,
        patience_ns=S // 2,
    )
    await one.ask()
    assert await other.quotes.news((KEY,)) == ([], False)
    async with other.quotes.turn(KEY) as turn:
        assert turn.known == ()


def changed(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda told: told | fields


def hop(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda told: told | {"route": [told["route"][0] | fields]}


LIES = {
    "another pair": changed(inputMint=OTHER.output_mint),
    "another amount": changed(inputAmount="999999999"),
    "no address": changed(outputMint="../../etc"),
    "a provider of nobody": changed(provider="mallory"),
    "one that is off here": changed(provider="okx"),
    "nothing out": changed(outputAmount="0"),
    "less than nothing": changed(outputAmount="-1"),
    "more than fits": changed(outputAmount=str(2**64)),
    "a fraction": changed(outputAmount="1.5"),
    "no number": changed(outputAmount="NaN"),
    "an impact that is none": changed(impact="inf"),
    "a slot that is none": changed(slot=-1),
    "a latency that is none": changed(latencyMs=-1.0),
    "a route not found yet": changed(routeStamp=2**53 - 1),
    "no route": changed(route=[]),
    "a route without end": lambda told: told | {"route": told["route"] * 1000},
    "a route that leads elsewhere": hop(outputMint=OTHER.output_mint),
    "a route from elsewhere": hop(inputMint=OTHER.output_mint),
    "a pool that is none": hop(poolId="x" * 5000),
    "a provenance that is none": hop(provenance="GOSPEL"),
    "a fee that is none": hop(feeAmount="-5"),
    "something missing": lambda told: {name: value for name, value in told.items() if name != "slot"},
    "a list": lambda told: [told],
    "a number": lambda _: 5,
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
async def test_what_cannot_be_is_refused_and_the_provider_asked(
    clock: FakeClock, memory: SharedMemory, lie: Callable[[dict[str, Any]], object]
) -> None:
    one, other = (process(memory, clock=clock) for _ in range(2))
    await one.ask()
    for name, (runs_out_us, stamp_us, value) in memory.values.items():
        memory.values[name] = (runs_out_us, stamp_us, json.dumps(lie(json.loads(value))).encode())
    given_ = await other.ask()
    assert len(other.provider.asked) == 1
    assert given_.quote == answer()
    assert (other.quotes.adopted_count, other.quotes.refused_count) == (0, 1)


@given(st.data())
def test_whatever_becomes_of_the_bytes_it_is_refused_or_an_answer_to_what_was_asked(data: st.DataObject) -> None:
    async def run() -> None:
        clock = FakeClock()
        memory = SharedMemory(clock)
        one, other = (process(memory, clock=clock) for _ in range(2))
        await one.ask()
        ((name, (runs_out_us, stamp_us, value)),) = memory.values.items()
        at = data.draw(st.integers(0, len(value)))
        until = data.draw(st.integers(at, min(len(value), at + 8)))
        spoilt = value[:at] + data.draw(st.binary(max_size=8)) + value[until:]
        memory.values[name] = (runs_out_us, stamp_us, spoilt)
        adopted, _ = await other.quotes.news((KEY,))
        for entry in adopted:
            assert entry.key == KEY
            assert entry.provider in ("jupiter", "other")
            assert 0 < entry.quote.output_amount <= AMOUNT_MAX
            assert 0 <= entry.quote.price_impact_fraction <= 1
            assert entry.quote.route[0].input_mint == KEY.input_mint
            assert entry.quote.route[-1].output_mint == KEY.output_mint
            assert other.cache.price_age_ns(entry) >= 0
            assert other.cache.route_age_ns(entry) >= 0

    asyncio.run(run())


@given(
    output_amount=st.integers(1, AMOUNT_MAX),
    slot=st.integers(0, SLOT_MAX),
    impact=st.floats(0, 1),
    amounts=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8),
    fee_amount=st.none() | st.integers(0, 2**64 - 1),
)
def test_answer_is_read_as_it_was_told(
    output_amount: int, slot: int, impact: float, amounts: list[int], fee_amount: int | None
) -> None:
    async def run() -> None:
        clock = FakeClock()
        memory = SharedMemory(clock)
        one, other = (process(memory, clock=clock) for _ in range(2))
        told = answer(output_amount)
        fee_mint = None if fee_amount is None else KEY.output_mint
        (first,) = told.route
        route = tuple(
            first._replace(input_amount=amount, fee_amount=fee_amount, fee_mint=fee_mint) for amount in amounts
        )
        # A round trip over and over, and to the end: it leads from the one token to the other.
        back = first._replace(input_mint=KEY.output_mint, output_mint=KEY.input_mint)
        whole = tuple(hop_ for leg in route for hop_ in (leg, back))[:-1]
        told = replace(told, route=whole, slot=slot, price_impact_fraction=impact)
        entry = one.cache.store(KEY, told, provider="jupiter", sent=moment(clock), is_known_route=False)
        async with one.quotes.turn(KEY) as turn:
            turn.heard.append(entry)
        (read,), _ = await other.quotes.news((KEY,))
        assert read.quote == told

    asyncio.run(run())
