"""Plays one slot after another in wall time. A host that is late loses wall time, never a slot."""

import asyncio
import contextlib
from collections.abc import Callable

from quote_core.clock import Clock
from recorded_market.market import Market
from recorded_market.subscriptions import SubscriptionHub

__all__ = ["Ticker"]

NS_PER_S = 1_000_000_000


class Ticker:
    """Advances the market and tells the subscribers."""

    def __init__(self, market: Market, hub: SubscriptionHub, *, clock: Clock, slot_time_ns: int) -> None:
        self._market = market
        self._hub = hub
        self._clock = clock
        self._slot_time_ns = slot_time_ns

    async def run(self, stop: asyncio.Event, *, after_slot: Callable[[], None]) -> None:
        """Play slots until `stop` is set."""
        due_ns = self._clock.mono_ns() + self._slot_time_ns
        while not await _is_set_within(stop, (due_ns - self._clock.mono_ns()) / NS_PER_S):
            self._hub.publish(self._market.advance())
            after_slot()
            due_ns = max(due_ns + self._slot_time_ns, self._clock.mono_ns())


async def _is_set_within(event: asyncio.Event, timeout_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(timeout_s, 0.0)):
            await event.wait()
    return event.is_set()
