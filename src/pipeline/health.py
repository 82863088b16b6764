"""A process tells METRICS how its work goes; the system manager's rules are computed from it.

Counts are totals at the source and differences on the bus, so that a report lost with NATS loses its own window only.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from quote_core.bus import Bus
from quote_core.clock import Clock, StepWatch
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import ServiceHealth, stamp
from quote_core.telemetry import memory_use

__all__ = ["HealthReporter", "WorkTotals"]

STEP_TOLD_NS: Final = 60_000_000_000
"""A step of the wall clock is told in every report for this long."""

_log: Final = structlog.get_logger("health")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTotals:
    """Since the process began. An error is a piece of work that ended in failure, not one that is tried again."""

    handled_count: int = 0
    error_count: int = 0
    unwritten_ms: int = 0
    """How long what must be written down could not be, until now; 0 = it can."""
    detail: str = ""
    """What is wrong now, in one line for people."""


class HealthReporter:
    """Publishes one `ServiceHealth` an interval.

    Args:
        bus: Where it goes.
        service: The process's name.
        clock: For the time and length of windows.
        interval_ns: Length of a window.
        totals: The work so far.
    """

    def __init__(
        self, bus: Bus, *, service: str, clock: Clock, interval_ns: int, totals: Callable[[], WorkTotals]
    ) -> None:
        self._bus = bus
        self._service = service
        self._clock = clock
        self._interval_ns = interval_ns
        self._totals = totals
        self._instance = str(os.getpid())
        self._started_mono_ns = self._window_mono_ns = clock.mono_ns()
        self._told = WorkTotals()
        self._refused_count = 0
        self._wall_clock = StepWatch(clock)
        self._step_ns = self._stepped_mono_ns = 0

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await asyncio.sleep(self._interval_ns / 1e9)
            try:
                await self._bus.publish(self.next_report())
            except ProviderUnavailable as error:
                _log.debug("a health report was not published", reason=str(error))
            except LayoutMismatch as error:
                _log.warning("a health report cannot be written", reason=str(error))

    def next_report(self) -> ServiceHealth:
        """The window since the last one, which ends here."""
        now_mono_ns, totals = self._clock.mono_ns(), self._totals()
        window_ns, self._window_mono_ns = now_mono_ns - self._window_mono_ns, now_mono_ns
        before, self._told = self._told, totals
        memory = memory_use()
        return ServiceHealth(
            header=stamp(self._clock),
            service=self._service,
            instance=self._instance,
            serving=True,
            detail="; ".join(filter(None, (totals.detail, self._refusals_told(), self._step_told(now_mono_ns)))),
            uptime_ms=(now_mono_ns - self._started_mono_ns) // 1_000_000,
            window_ms=window_ns // 1_000_000,
            handled_count=totals.handled_count - before.handled_count,
            error_count=totals.error_count - before.error_count,
            rpc_call_count=0,
            rpc_failure_count=0,
            memory_used_bytes=memory.used_bytes,
            memory_limit_bytes=memory.limit_bytes,
            slot_drift=0,
            unwritten_ms=totals.unwritten_ms,
        )

    def _refusals_told(self) -> str:
        """What the bus would not take since the last report."""
        count = self._bus.refused_count - self._refused_count
        self._refused_count += count
        return f"NATS refused {count} messages, last: {self._bus.last_refusal}" if count else ""

    def _step_told(self, now_mono_ns: int) -> str:
        """What there is to say of the wall clock. Ages do not use it; days and what people read do."""
        step_ns = self._wall_clock.step_ns()
        if step_ns:
            self._step_ns, self._stepped_mono_ns = step_ns, now_mono_ns
            _log.warning("the wall clock was set", by_s=step_ns / 1e9)
        ago_ns = now_mono_ns - self._stepped_mono_ns
        if not self._step_ns or ago_ns > STEP_TOLD_NS:
            return ""
        return f"the wall clock was set by {self._step_ns / 1e9:+.1f} s, {ago_ns / 1e9:.0f} s ago"
