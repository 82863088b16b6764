"""Keeps the history written, whatever the database does; nothing else of the auditor waits for it.

| what happens                              | then                                                              |
|-------------------------------------------|-------------------------------------------------------------------|
| the database cannot be reached or written | it is opened again and again; the streams keep what they keep     |
| it is there again                         | each stream is read on from the place that the database names     |
| it is lost, or another one                | its tables are made, and all that the streams keep is written     |
| somebody else writes it, or rewinds it    | each stream is read on from the new place                         |
| the wait was longer than a stream keeps   | what was dropped is missing; the journal has it for longer        |

The database's calls block, so they have a thread of their own; one at a time, since SQLite has one writer anyway.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from pipeline.history.database import HistoryDatabase
from pipeline.history.errors import HistoryUnavailable, PlaceMoved
from pipeline.history.rows import rows_of
from pipeline.history.settings import HistorySettings
from pipeline.history.store import place_of, prune, write
from quote_core.bus import Bus
from quote_core.bus.follow import Followed, Place, follow
from quote_core.cancellation import heed_cancellation
from quote_core.clock import Clock
from quote_core.events import Stream
from quote_core.settings import PlatformSettings
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["HistoryWriting"]

RETRY_S: Final = 1.0
"""Between two tries to open a database that cannot be written."""
LOOK_S: Final = 5.0
"""Between two looks whether the database is where it was left."""
PRUNE_S: Final = 600.0
"""Between two looks for what is too old."""

_log: Final = structlog.get_logger(part="history")
_Answer = TypeVar("_Answer")


class HistoryWriting:
    """The history of the settings, and how its writing goes.

    Raises:
        SettingsError: The database needs a driver that is not installed, or its password cannot be read.
    """

    def __init__(self, platform: PlatformSettings, settings: HistorySettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._database = HistoryDatabase(platform, settings)
        self._thread = ThreadPoolExecutor(1, "history")
        self._places: dict[Stream, Place | None] = {}
        """Of the streams that are being written; the thread's alone."""
        self._failing_mono_ns: int | None = None
        self._failure = ""
        self.is_whole = False
        """Whether all that the streams kept when they were last begun with is written."""
        self.message_count = 0
        self.trade_count = 0
        self.repeated_count = 0
        self.malformed_count = 0
        self.pruned_count = 0
        self.failure_count = 0
        self.remaining: dict[Stream, int] = {}
        """How many each stream kept behind the message written last."""

    async def run(self, bus: Bus) -> None:
        """Write until cancelled."""
        try:
            while True:
                try:
                    self._places = {}
                    await self._in_thread(self._database.migrate)
                    await asyncio.create_task(self._write(bus))  # see `heed_cancellation`
                except* PlaceMoved as moved:
                    _log.info("the history's place was moved; reading on from there", reason=str(moved.exceptions[0]))
                except* HistoryUnavailable as failures:
                    self._note_failure(failures)
                heed_cancellation()
                self.is_whole = False
                await asyncio.sleep(RETRY_S)
        finally:
            await asyncio.shield(asyncio.to_thread(self._close))

    def _close(self) -> None:
        self._thread.shutdown()
        self._database.close()

    async def _write(self, bus: Bus) -> None:
        streams = sorted({Stream.EXECUTED, Stream.METRICS, *self._settings.event_streams})
        caught_up = [asyncio.Event() for _ in streams]
        async with asyncio.TaskGroup() as tasks:
            for stream, event in zip(streams, caught_up, strict=True):
                tasks.create_task(self._write_stream(bus, stream, caught_up=event))
            tasks.create_task(self._look_after())
            tasks.create_task(self._prune())
            for event in caught_up:
                await event.wait()
            self._note_recovery()

    async def _write_stream(self, bus: Bus, stream: Stream, *, caught_up: asyncio.Event) -> None:
        await bus.wait_for_stream(stream)
        after = await self._in_thread(lambda: self._begin(stream))
        async for batch in follow(bus, stream, after=after, caught_up=caught_up):
            if batch:
                await self._in_thread(lambda batch=batch: self._write_batch(stream, batch))  # type: ignore[misc]
                self.remaining[stream] = batch[-1].remaining_count

    def _begin(self, stream: Stream) -> Place | None:
        self._places[stream] = place_of(self._database, stream)
        return self._places[stream]

    def _write_batch(self, stream: Stream, batch: Sequence[Followed]) -> None:
        keeps_events = stream in self._settings.event_streams
        rows = rows_of(stream, batch, keeps_events=keeps_events, span_ns=self._settings.metrics_span)
        after = Place(batch[-1].created, batch[-1].sequence)
        written = write(self._database, stream, rows, before=self._places[stream], after=after)
        self._places[stream] = after
        self.message_count += len(batch)
        self.malformed_count += rows.malformed_count
        self.trade_count += written.trade_count
        self.repeated_count += written.repeated_count

    async def _look_after(self) -> None:
        """Notice a database that was lost or rewound while its streams are silent."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self._in_thread(self._look)

    def _look(self) -> None:
        for stream, place in self._places.items():
            if place_of(self._database, stream) != place:
                raise PlaceMoved(stream.value)

    async def _prune(self) -> None:
        while True:
            self.pruned_count += await self._in_thread(
                lambda: prune(self._database, self._settings, now_unix_ns=self._clock.unix_ns())
            )
            await asyncio.sleep(PRUNE_S)

    async def _in_thread(self, call: Callable[[], _Answer]) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _note_failure(self, error: BaseException) -> None:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        assert isinstance(error, HistoryUnavailable)
        self.failure_count += 1
        self._failure = error.reason
        if self._failing_mono_ns is None:
            self._failing_mono_ns = self._clock.mono_ns()
            _log.error("the history cannot be written", database=self._database.shown_url, reason=error.reason)

    def _note_recovery(self) -> None:
        if self._failing_mono_ns is not None:
            _log.info("the history is written again, and nothing is left to write", after_ms=self._unwritten_ms())
        self._failing_mono_ns = None
        self.is_whole = True

    def _unwritten_ms(self) -> int:
        if self._failing_mono_ns is None:
            return 0
        return max(1, (self._clock.mono_ns() - self._failing_mono_ns) // NS_PER_MS)

    @property
    def unwritten_s(self) -> float:
        """For how long it is not whole since it could not be written; 0 = it can be."""
        return self._unwritten_ms() * NS_PER_MS / NS_PER_S

    def detail(self) -> str:
        """Why it cannot be written, in one line for people; empty when it can."""
        if self._failing_mono_ns is None:
            return ""
        where, seconds = self._database.shown_url, f"{self.unwritten_s:.0f}"
        return f"history at {where} is not written since {seconds} s: {self._failure}"
