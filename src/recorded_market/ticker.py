"""Plays one slot after another in wall time. A host that is late loses wall time, never a slot.

A market that is told to lag stands still until it is so many slots behind, and catches up when it is told not to.
"""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from quote_core.clock import Clock
from quote_core.units import NS_PER_S
from recorded_market.market import Market
from recorded_market.subscriptions import SubscriptionHub

__all__ = ["Ticker"]


class Ticker:
    """Advances the market and tells the subscribers; `on_slot` is told first."""

    def __init__(
        self,
        market: Market,
        hub: SubscriptionHub,
        *,
        clock: Clock,
        slot_time_ns: int,
        on_slot: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._market = market
        self._hub = hub
        self._clock = clock
        self._slot_time_ns = slot_time_ns
        self._on_slot = on_slot
        self._lag_slots = 0

    def lag_by(self, slot_count: int) -> None:
        """Let the market be so far behind where it would be, from the next slot on."""
        self._lag_slots = slot_count

    async def run(self) -> NoReturn:
        """Play slots until cancelled."""
        due_ns = self._clock.mono_ns() + self._slot_time_ns
        behind_slots = 0
        while True:
            await asyncio.sleep(max(due_ns - self._clock.mono_ns(), 0) / NS_PER_S)
            behind_slots += 1
            while behind_slots > self._lag_slots:
                behind_slots -= 1
                blocks = self._market.advance()
                self._on_slot(self._market.clock.slot)
                self._hub.publish(blocks)
            due_ns = max(due_ns + self._slot_time_ns, self._clock.mono_ns())
