"""Tells METRICS how the quote services are, on their behalf: they have no connection to the bus.

A service's `Health` gives its work, its memory and the slot it has seen; from two looks a second apart come the counts
of one window, and the rules judge them like any other report. With the local quote service the node behind it is looked
at too: it gives the chain's slot. A node that stands still agrees with itself, so what the service measures against the
clock counts as well. A node that has never answered is not failing yet: nothing is quoted from it, so
nothing is traded either.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import structlog

from pipeline.health import report_of_window
from quote_core.clock import Clock
from quote_core.errors import LayoutMismatch, SolquoteError, UpstreamError
from quote_core.events import ServiceHealth, stamp
from quote_core.health import HealthReport, WorkFigures

__all__ = ["Look", "QuoteWatch", "report_between"]

_log: Final = structlog.get_logger(part="quote_watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found; `None` = no answer."""

    at_mono_ns: int
    health: HealthReport | None
    chain_slot: int | None = None
    node_call_count: int = 0
    """Calls this look itself made to the node."""


def report_between(service: str, before: Look, now: Look, *, clock: Clock) -> ServiceHealth:
    """The report of the window between two looks; a service that was restarted meanwhile counts from its start."""
    found = now.health
    told = WorkFigures.read(found.figures) if found is not None else WorkFigures()
    behind_node = now.chain_slot - told.slot if now.chain_slot is not None and told.slot else 0
    is_node_silent = now.chain_slot is None and now.node_call_count > 0
    return report_of_window(
        service,
        instance="",
        before=_counted_from(before.health, found),
        now=replace(
            told,
            rpc_calls_total=told.rpc_calls_total + now.node_call_count,
            rpc_failures_total=told.rpc_failures_total + is_node_silent,
            slot_drift=max(behind_node, told.slot_drift),
        ),
        window_ns=now.at_mono_ns - before.at_mono_ns,
        uptime_ms=found.uptime_ms if found is not None else 0,
        serving=found is not None and found.is_serving,
        detail="" if found is not None else "does not answer",
        header=stamp(clock, slot=now.chain_slot or 0),
    )


def _counted_from(before: HealthReport | None, now: HealthReport | None) -> WorkFigures:
    """The totals to count from: nothing when the service began since, and all of it when it was never seen before."""
    if now is None or (before is not None and now.uptime_ms < before.uptime_ms):
        return WorkFigures()
    return WorkFigures.read((before or now).figures)


class QuoteWatch:
    """Looks at one service once an interval and publishes what it saw.

    Args:
        service: Its name in reports.
        health: Asks it.
        chain_slot: Asks the node behind it; `None` = it has none.
        publish: Puts a report on METRICS.
        clock: Of windows and events.
        interval_ns: Between two looks.
    """

    def __init__(
        self,
        service: str,
        *,
        health: Callable[[], Awaitable[HealthReport]],
        chain_slot: Callable[[], Awaitable[int]] | None,
        publish: Callable[[ServiceHealth], Awaitable[None]],
        clock: Clock,
        interval_ns: int,
    ) -> None:
        self._service = service
        self._health = health
        self._chain_slot = chain_slot
        self._publish = publish
        self._clock = clock
        self._interval_s = interval_ns / 1e9

    async def run(self) -> None:
        """Watch until cancelled."""
        before = await self._look()
        while self._chain_slot is not None and before.chain_slot is None:
            await asyncio.sleep(self._interval_s)
            before = await self._look()
        while True:
            await asyncio.sleep(self._interval_s)
            now = await self._look()
            try:
                await self._publish(report_between(self._service, before, now, clock=self._clock))
            except (UpstreamError, LayoutMismatch) as error:
                _log.debug("a report was not published", reason=str(error))
            before = replace(now, health=now.health or before.health)

    async def _look(self) -> Look:
        if self._chain_slot is None:
            return Look(at_mono_ns=self._clock.mono_ns(), health=await _or_none(self._health()))
        health, chain_slot = await asyncio.gather(_or_none(self._health()), _or_none(self._chain_slot()))
        return Look(at_mono_ns=self._clock.mono_ns(), health=health, chain_slot=chain_slot, node_call_count=1)


_Answer = TypeVar("_Answer")


async def _or_none(answer: Awaitable[_Answer]) -> _Answer | None:
    try:
        return await answer
    except SolquoteError as error:
        _log.debug("no answer", reason=str(error))
        return None
