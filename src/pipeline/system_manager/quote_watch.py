"""Tells METRICS how the local quote service and its node are, on their behalf: they have no connection to the bus.

The service's `Health` gives its slot and its polls of the node; the node itself gives the chain's slot. From two looks
a second apart come the counts of one window, and the rules on RPC failures and slot drift judge them like any other
report. A node that has never answered is not failing yet: nothing is quoted from it, so nothing is traded either.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from pipeline.wire import QuoteServiceFigures
from quote_core.clock import Clock
from quote_core.errors import LayoutMismatch, SolquoteError, UpstreamError
from quote_core.events import ServiceHealth, stamp

__all__ = ["Look", "QuoteWatch", "report_between"]

SERVICE: Final = "local_quote"
_U32_MAX: Final = 2**32 - 1

_log: Final = structlog.get_logger("system_manager.quote_watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found; `None` = no answer."""

    at_mono_ns: int
    figures: QuoteServiceFigures | None
    chain_slot: int | None


def report_between(before: Look, now: Look, *, clock: Clock) -> ServiceHealth:
    """The report of the window between two looks; a service that was restarted meanwhile counts from its start."""
    polled_count = failed_count = slot_drift = 0
    if now.figures is not None:
        then = before.figures
        continued = then is not None and then.poll_count <= now.figures.poll_count
        polled_count = now.figures.poll_count - (then.poll_count if then and continued else 0)
        failed_count = now.figures.poll_failed_count - (then.poll_failed_count if then and continued else 0)
        if now.chain_slot is not None and now.figures.slot:
            # Saturated: a drift beyond what the field holds must trip the rule, not fail to be told.
            slot_drift = min(max(0, now.chain_slot - now.figures.slot), _U32_MAX)
    return ServiceHealth(
        header=stamp(clock, slot=now.chain_slot or 0),
        service=SERVICE,
        instance="",
        serving=now.figures is not None and now.figures.is_serving,
        detail="" if now.figures is not None else "does not answer",
        uptime_ms=now.figures.uptime_ms if now.figures is not None else 0,
        window_ms=(now.at_mono_ns - before.at_mono_ns) // 1_000_000,
        handled_count=0,
        error_count=0,
        rpc_call_count=polled_count + 1,  # the one for the chain's slot is ours
        rpc_failure_count=failed_count + (now.chain_slot is None),
        memory_used_bytes=0,
        memory_limit_bytes=0,
        slot_drift=slot_drift,
    )


class QuoteWatch:
    """Looks once an interval and publishes what it saw.

    Args:
        figures: Asks the local quote service.
        chain_slot: Asks the node.
        publish: Puts a report on METRICS.
        clock: Of windows and events.
        interval_ns: Between two looks.
    """

    def __init__(
        self,
        *,
        figures: Callable[[], Awaitable[QuoteServiceFigures]],
        chain_slot: Callable[[], Awaitable[int]],
        publish: Callable[[ServiceHealth], Awaitable[None]],
        clock: Clock,
        interval_ns: int,
    ) -> None:
        self._figures = figures
        self._chain_slot = chain_slot
        self._publish = publish
        self._clock = clock
        self._interval_s = interval_ns / 1e9

    async def run(self) -> None:
        """Watch until cancelled."""
        before = await self._look()
        while before.chain_slot is None:
            await asyncio.sleep(self._interval_s)
            before = await self._look()
        while True:
            await asyncio.sleep(self._interval_s)
            now = await self._look()
            try:
                await self._publish(report_between(before, now, clock=self._clock))
            except (UpstreamError, LayoutMismatch) as error:
                _log.debug("a report was not published", reason=str(error))
            before = now

    async def _look(self) -> Look:
        figures, chain_slot = await asyncio.gather(_or_none(self._figures()), _or_none(self._chain_slot()))
        return Look(at_mono_ns=self._clock.mono_ns(), figures=figures, chain_slot=chain_slot)


_Answer = TypeVar("_Answer")


async def _or_none(answer: Awaitable[_Answer]) -> _Answer | None:
    try:
        return await answer
    except SolquoteError as error:
        _log.debug("no answer", reason=str(error))
        return None
