"""METRICS is told how the work of a process goes; the system manager's rules are computed from it.

Counts are totals at the source and differences on the bus, so that a report lost with NATS loses its own window only.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from quote_core.bus import Bus
from quote_core.clock import Clock, StepWatch
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import NAME_CHARS_MAX, Header, RejectionCount, ServiceHealth, fit_text, stamp
from quote_core.health import WorkFigures
from quote_core.units import NS_PER_MS, U32_MAX

__all__ = ["HealthReporter", "report_of_window"]

STEP_TOLD_NS: Final = 60_000_000_000
"""A step of the wall clock is told in every report for this long."""

_log: Final = structlog.get_logger(part="health")


def report_of_window(
    service: str,
    *,
    instance: str,
    before: WorkFigures,
    now: WorkFigures,
    window_ns: int,
    uptime_ms: int,
    serving: bool,
    detail: str,
    header: Header,
    rejected: tuple[RejectionCount, ...] = (),
    switch_revision: int = 0,
) -> ServiceHealth:
    """What was done between two looks at a process's totals."""
    return ServiceHealth(
        header=header,
        service=service,
        instance=instance,
        serving=serving,
        detail=detail,
        uptime_ms=uptime_ms,
        window_ms=window_ns // NS_PER_MS,
        handled_count=_held(now.handled_total - before.handled_total),
        error_count=_held(now.errors_total - before.errors_total),
        rpc_call_count=_held(now.rpc_calls_total - before.rpc_calls_total),
        rpc_failure_count=_held(now.rpc_failures_total - before.rpc_failures_total),
        memory_used_bytes=now.memory_used_bytes,
        memory_limit_bytes=now.memory_limit_bytes,
        slot_drift=_held(now.slot_drift),
        unwritten_ms=_held(now.unwritten_ms),
        rejected=rejected,
        switch_revision=switch_revision,
    )


def _held(count: int) -> int:
    """Saturated: what is beyond its field must trip a rule, not fail to be told."""
    return min(max(0, count), U32_MAX)


class SwitchReader(Protocol):
    """What the reporter needs of a trading gate."""

    has_read: asyncio.Event
    """Set whenever another revision was read; the reporter clears it."""

    @property
    def switch_revision(self) -> int:
        """Of the latched state that was read last and still counts; 0 = none."""
        ...


class HealthReporter:
    """Publishes one `ServiceHealth` an interval.

    Args:
        bus: Where it goes.
        service: The process's name.
        clock: For the time and length of windows.
        interval_ns: Length of a window.
        work: The work so far.
        detail: What is wrong now, in one line for people.
        rejected: The planner's rejections so far.
        gate: Whose readings of the kill switch are acknowledged, each at once.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        service: str,
        clock: Clock,
        interval_ns: int,
        work: Callable[[], WorkFigures],
        detail: Callable[[], str] = lambda: "",
        rejected: Callable[[], tuple[RejectionCount, ...]] = tuple,
        gate: SwitchReader | None = None,
    ) -> None:
        self._bus = bus
        self._service = service
        self._clock = clock
        self._interval_ns = interval_ns
        self._work = work
        self._detail = detail
        self._rejected = rejected
        self._gate = gate
        self._instance = fit_text(f"{socket.gethostname()}/{os.getpid()}", NAME_CHARS_MAX)
        self._started_mono_ns = self._window_mono_ns = clock.mono_ns()
        self._told = WorkFigures()
        self._refused_count = 0
        self._wall_clock = StepWatch(clock)
        self._step_ns = self._stepped_mono_ns = 0

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await self._until_due()
            try:
                await self._bus.publish(self.next_report())
            except ProviderUnavailable as error:
                _log.debug("a health report was not published", reason=str(error))
            except LayoutMismatch as error:
                _log.warning("a health report cannot be written", reason=str(error))

    async def _until_due(self) -> None:
        """Wait for the end of the interval, or until there is a switch to acknowledge."""
        if self._gate is None:
            await asyncio.sleep(self._interval_ns / 1e9)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._interval_ns / 1e9):
                await self._gate.has_read.wait()
        self._gate.has_read.clear()

    def next_report(self) -> ServiceHealth:
        """The window since the last one, which ends here."""
        now_mono_ns, now = self._clock.mono_ns(), self._work()
        window_ns, self._window_mono_ns = now_mono_ns - self._window_mono_ns, now_mono_ns
        before, self._told = self._told, now
        return report_of_window(
            self._service,
            instance=self._instance,
            before=before,
            now=now,
            window_ns=window_ns,
            uptime_ms=(now_mono_ns - self._started_mono_ns) // NS_PER_MS,
            serving=True,
            detail="; ".join(filter(None, (self._detail(), self._refusals_told(), self._step_told(now_mono_ns)))),
            header=stamp(self._clock),
            rejected=self._rejected(),
            switch_revision=self._gate.switch_revision if self._gate else 0,
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
