"""The ticker with a clock that a test sets: slots follow wall time, and a late host skips wall time, never a slot."""

import asyncio

from quote_core.clock import SYSTEM_CLOCK
from recorded_market.genesis import Genesis
from recorded_market.market import Market
from recorded_market.subscriptions import SubscriptionHub
from recorded_market.ticker import Ticker

SLOT_TIME_NS = 5_000_000
DEADLINE_S = 10.0


class JumpingClock:
    """The system's clock, set forward by a test."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def unix_ns(self) -> int:
        return SYSTEM_CLOCK.unix_ns() + self.ahead_ns

    def mono_ns(self) -> int:
        return SYSTEM_CLOCK.mono_ns() + self.ahead_ns


async def test_slots_are_played_one_by_one_until_told_to_stop(genesis: Genesis) -> None:
    market, stop = Market(genesis), asyncio.Event()
    slots: list[int] = []

    def after_slot() -> None:
        slots.append(market.clock.slot)
        if len(slots) == 5:
            stop.set()

    ticker = Ticker(market, SubscriptionHub(version="1"), clock=SYSTEM_CLOCK, slot_time_ns=SLOT_TIME_NS)
    async with asyncio.timeout(DEADLINE_S):
        await ticker.run(stop, after_slot=after_slot)
    assert slots == list(range(genesis.slot + 1, genesis.slot + 6))


async def test_after_a_long_pause_the_lost_slots_are_not_played_in_a_rush(genesis: Genesis) -> None:
    market, stop, clock = Market(genesis), asyncio.Event(), JumpingClock()
    played_ns: list[int] = []

    def after_slot() -> None:
        played_ns.append(SYSTEM_CLOCK.mono_ns())
        if len(played_ns) == 1:
            clock.ahead_ns = 100 * SLOT_TIME_NS
        if len(played_ns) == 6:
            stop.set()

    ticker = Ticker(market, SubscriptionHub(version="1"), clock=clock, slot_time_ns=SLOT_TIME_NS)
    async with asyncio.timeout(DEADLINE_S):
        await ticker.run(stop, after_slot=after_slot)
    # One slot is due at once after the jump; the four after it wait for their own time again.
    assert played_ns[-1] - played_ns[1] >= 3 * SLOT_TIME_NS


async def test_a_market_told_to_stop_before_it_starts_plays_nothing(genesis: Genesis) -> None:
    market, stop = Market(genesis), asyncio.Event()
    stop.set()
    ticker = Ticker(market, SubscriptionHub(version="1"), clock=SYSTEM_CLOCK, slot_time_ns=SLOT_TIME_NS)
    await ticker.run(stop, after_slot=lambda: None)
    assert market.clock.slot == genesis.slot
