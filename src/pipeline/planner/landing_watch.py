"""The landing rate of this run, kept with EXECUTED, and the limits it makes; only while the limits are to adapt."""

import asyncio
from typing import Final

from pipeline.planner.factors import PlanLimits
from pipeline.planner.landing import LandingRate, raised_limits
from pipeline.run_results import follow_results
from quote_core.bus import Bus
from quote_core.bus.stream_clock import StreamClock
from quote_core.clock import Clock
from quote_core.events import Stream

__all__ = ["LandingWatch"]

REMEMBERED_HALF_LIVES: Final = 20
"""What is older counts less than a millionth of a result."""


class LandingWatch:
    """What a planner asks for its limits.

    Args:
        bus: The connection.
        limits: With a ceiling above the floor.
        half_life_ns: See `LandingRate`.
        run_id: Whose results count.
        clock: For the time between two readings of the stream's clock.
    """

    def __init__(self, bus: Bus, limits: PlanLimits, *, half_life_ns: int, run_id: str, clock: Clock) -> None:
        self.caught_up = asyncio.Event()
        """Set once all results that count have been read."""
        self._bus = bus
        self._limits = limits
        self._half_life_ns = half_life_ns
        self._run_id = run_id
        self._clock = clock
        self._stream_clock = StreamClock(bus, Stream.EXECUTED, clock=clock)
        self._rate = LandingRate(half_life_ns=half_life_ns, target_bps=limits.landing_target_bps)

    async def run(self) -> None:
        """Follow until cancelled."""
        since_unix_ns = self._clock.unix_ns() - REMEMBERED_HALF_LIVES * self._half_life_ns
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stream_clock.run())
            async for result, stored_unix_ns in follow_results(
                self._bus, run_id=self._run_id, since_unix_ns=since_unix_ns, caught_up=self.caught_up
            ):
                self._rate.add(result, stored_unix_ns=stored_unix_ns)

    def limits(self) -> PlanLimits:
        """The limits now."""
        return raised_limits(self._limits, landing_bps=self._rate.bps(now_unix_ns=self._stream_clock.unix_ns()))
