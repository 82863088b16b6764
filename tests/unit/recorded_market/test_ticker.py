"""The ticker with a clock that a test sets: slots follow wall time, and a late host skips wall time, never a slot."""

import asyncio

import orjson
import pytest
from fakes.waiting import DEADLINE_S

from quote_core.clock import SYSTEM_CLOCK, Clock
from recorded_market.genesis import Genesis
from recorded_market.market import Market
from recorded_market.subscriptions import SubscriptionHub
from recorded_market.ticker import Ticker

SLOT_TIME_NS = 5_000_000


class JumpingClock:
    """The system's clock, set forward by a test."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def unix_ns(self) -> int:
        return SYSTEM_CLOCK.unix_ns() + self.ahead_ns

    def mono_ns(self) -> int:
        return SYSTEM_CLOCK.mono_ns() + self.ahead_ns


class SlotWatcher:
    """A slot listener that acts after so many slots."""

    def __init__(self, *, count: int) -> None:
        self.slots: list[int] = []
        self.times_ns: list[int] = []
        self.is_enough = asyncio.Event()
        self._count = count

    def offer(self, message: bytes) -> None:
        self.slots.append(orjson.loads(message)["params"]["result"]["slot"])
        self.times_ns.append(SYSTEM_CLOCK.mono_ns())
        if len(self.slots) == self._count:
            self.is_enough.set()


async def watch(genesis: Genesis, watcher: SlotWatcher, clock: Clock) -> None:
    """Run a market until the watcher has had enough."""
    hub = SubscriptionHub(version="1")
    hub.call(watcher, "slotSubscribe", [])
    ticking = asyncio.create_task(Ticker(Market(genesis), hub, clock=clock, slot_time_ns=SLOT_TIME_NS).run())
    async with asyncio.timeout(DEADLINE_S):
        await watcher.is_enough.wait()
    ticking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ticking


async def test_slots_are_played_one_by_one_each_in_its_time(genesis: Genesis) -> None:
    watcher = SlotWatcher(count=5)
    started_ns = SYSTEM_CLOCK.mono_ns()
    await watch(genesis, watcher, SYSTEM_CLOCK)
    assert watcher.slots[:5] == list(range(genesis.slot + 1, genesis.slot + 6))
    assert watcher.times_ns[4] - started_ns >= 5 * SLOT_TIME_NS


async def test_after_a_long_pause_the_lost_slots_are_not_played_in_a_rush(genesis: Genesis) -> None:
    clock = JumpingClock()

    class Jumper(SlotWatcher):
        def offer(self, message: bytes) -> None:
            super().offer(message)
            if len(self.slots) == 1:
                clock.ahead_ns = 100 * SLOT_TIME_NS

    watcher = Jumper(count=6)
    await watch(genesis, watcher, clock)
    assert watcher.slots[:6] == list(range(genesis.slot + 1, genesis.slot + 7))
    # One slot is due at once after the jump; the four after it wait for their own time again.
    assert watcher.times_ns[5] - watcher.times_ns[1] >= 3 * SLOT_TIME_NS


async def test_a_market_that_is_told_to_lag_stands_still_so_long_and_catches_up_when_told_not_to(
    genesis: Genesis,
) -> None:
    hub, market = SubscriptionHub(version="1"), Market(genesis)
    watcher = SlotWatcher(count=31)
    hub.call(watcher, "slotSubscribe", [])
    ticker = Ticker(market, hub, clock=SYSTEM_CLOCK, slot_time_ns=SLOT_TIME_NS)
    ticker.lag_by(10)
    ticking = asyncio.create_task(ticker.run())
    async with asyncio.timeout(DEADLINE_S):
        while not watcher.slots:  # noqa: ASYNC110 - another task
            await asyncio.sleep(0.001)
        ticker.lag_by(0)
        await watcher.is_enough.wait()
    ticking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ticking
    assert watcher.slots[:31] == list(range(genesis.slot + 1, genesis.slot + 32))
