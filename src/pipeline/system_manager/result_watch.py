"""Follows EXECUTED for the rules on money: what it keeps is recalled, what comes is judged.

What the rules know then is kept in a file every few seconds (`checkpoint`), and a start goes on behind it as long as
the stream bears it out. Without it the stream is read from its first message.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from pipeline.auditor.reading import result_in
from pipeline.checkpoint import INTERVAL_S, keep_current, objection_of
from pipeline.system_manager.checkpoint import Checkpoint, CheckpointFile
from pipeline.system_manager.limits import Trip
from pipeline.system_manager.rules import Rules
from quote_core.bus import Bus
from quote_core.bus.follow import Followed, Place, follow
from quote_core.clock import Clock
from quote_core.errors import ProviderUnavailable
from quote_core.events import Stream

__all__ = ["ResultWatch"]

IN_A_ROW_MAX: Final = 100
"""Results counted before stops and the connection have their turn."""

_log: Final = structlog.get_logger(part="results")


class ResultWatch:
    """Counts every result once, and knows how far it has come.

    Args:
        rules: Count and judge.
        file: Where the checkpoint is.
        clock: Of the judgement on what was recalled.
        on_trip: A rule says stop; returns when trading has.
        on_malformed: A message was no result.
        interval_s: Between two checkpoints.
    """

    def __init__(
        self,
        rules: Rules,
        file: CheckpointFile,
        *,
        clock: Clock,
        on_trip: Callable[[Trip], Awaitable[None]],
        on_malformed: Callable[[], None],
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._rules = rules
        self._file = file
        self._clock = clock
        self._on_trip = on_trip
        self._on_malformed = on_malformed
        self._interval_s = interval_s
        self._caught_up = asyncio.Event()
        self._is_recalled = asyncio.Event()
        self._place: Place | None = None
        self._event_id = ""
        self._count = 0
        self.read_count = 0
        """Messages read by this process."""

    def require_recalled(self) -> None:
        """Rules that have not read what was traded before they began would let trading go on that they must stop.

        Raises:
            ProviderUnavailable: They have not yet.
        """
        if not self._is_recalled.is_set():
            raise ProviderUnavailable("rules", f"reading the results on EXECUTED, {self.read_count} so far")

    async def run(self, bus: Bus, *, on_recalled: Callable[[], None]) -> None:
        """Recall, then judge, until cancelled; `on_recalled` once what was kept has been judged."""
        await self._resume(bus)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(bus))
            tasks.create_task(self._judge_recalled(on_recalled))
            tasks.create_task(
                keep_current(
                    self._file,
                    self._checkpoint,
                    lambda: self._place,
                    is_whole=self._is_recalled,
                    interval_s=self._interval_s,
                )
            )

    async def _resume(self, bus: Bus) -> None:
        kept = self._file.load()
        if kept is None:
            return
        reason = await objection_of(bus, Stream.EXECUTED, kept) or self._rules.resume(kept.money)
        if reason:
            _log.warning("the checkpoint is not used; reading EXECUTED from its beginning", reason=reason)
            return
        self._place, self._event_id, self._count = kept.place, kept.event_id, kept.count
        _log.info("going on from the checkpoint", sequence=kept.place.sequence, results=kept.count)

    async def _follow(self, bus: Bus) -> None:
        async for batch in follow(bus, Stream.EXECUTED, after=self._place, caught_up=self._caught_up):
            for number, message in enumerate(batch, 1):
                trip = self._take(message)
                if trip is not None:
                    await self._on_trip(trip)
                elif number % IN_A_ROW_MAX == 0:
                    await asyncio.sleep(0)

    def _take(self, message: Followed) -> Trip | None:
        """Count a message and note it as counted, with nothing between the two that could see one without the other."""
        self.read_count += 1
        self._count += 1
        self._place = Place(message.created, message.sequence)
        result = result_in(message)
        self._event_id = result.header.event_id.hex() if result is not None else ""
        if result is None:
            self._on_malformed()
            return None
        if self._is_recalled.is_set():
            return self._rules.judge_result(result)
        self._rules.recall(result)
        return None

    async def _judge_recalled(self, on_recalled: Callable[[], None]) -> None:
        await self._caught_up.wait()
        trip = self._rules.judge_recalled(self._clock.unix_ns())
        if trip is not None:
            await self._on_trip(trip)
        self._is_recalled.set()
        on_recalled()

    def _checkpoint(self) -> Checkpoint | None:
        if self._place is None:
            return None
        return Checkpoint(place=self._place, event_id=self._event_id, count=self._count, money=self._rules.money())
