"""Keeps the journal written, whatever the disk does.

| what happens                         | then                                                                          |
|--------------------------------------|-------------------------------------------------------------------------------|
| a write or sync fails                | the journal is left, and opened again as after a crash, until that works      |
| folder or files are taken away       | the same: within a second it is noticed, and what is not there is made anew   |
| it is open again                     | every stream is read from the last event that was written                     |
| all that the streams kept is written | it can write again; until then it counts as unable since the first failure    |

Meanwhile nothing is lost that the streams keep. How long it could not write is in every health report; the system
manager's rule `journal` stops trading when that is too long.
"""

import asyncio
import contextlib
import os
from typing import Final, Literal

import structlog

from pipeline.event_logger.journal import Journal
from pipeline.event_logger.settings import EventLoggerSettings
from quote_core.bus import Bus
from quote_core.bus.follow import Place, follow
from quote_core.cancellation import heed_cancellation
from quote_core.clock import Clock
from quote_core.events import Stream
from quote_core.health import Condition, WorkFigures
from quote_core.settings import PlatformSettings
from quote_core.units import NS_PER_MS

__all__ = ["Writing", "write_down"]

RETRY_S: Final = 1.0
"""Between two tries to open a journal that could not be written."""

LOOK_S: Final = 1.0
"""Between two looks whether the journal's files are still there."""

_log: Final = structlog.get_logger()


class Writing:
    """One journal, and whether it can be written."""

    def __init__(self, platform: PlatformSettings, settings: EventLoggerSettings, *, clock: Clock) -> None:
        self._directory = settings.journal_folder(platform)
        self._settings = settings
        self._clock = clock
        self._journal: Journal | None = None
        self._before_count = 0
        self._written_count = 0
        self._failure_count = 0
        self._failing_mono_ns: int | None = None
        self._failure = ""
        self.remaining: dict[Stream, int] = {}
        """How many each stream kept behind the message written last."""

    def open(self) -> None:
        """Open the journal; a disk that does not allow it is noted, and tried again by `run`.

        Raises:
            ProviderUnavailable: Another process writes this journal.
        """
        journal = Journal(self._directory, bounds=self._settings.bounds())
        try:
            journal.__enter__()
        except OSError as error:
            self._note_failure(error)
            return
        self._journal = journal
        self._before_count = journal.record_count - self._written_count
        recovery = journal.recovery
        if recovery.torn_bytes:
            _log.warning("the journal's end was half written and is cut off", torn_bytes=recovery.torn_bytes)
        if recovery.damage is not None:
            _log.error("the journal was changed; writing goes on in a new file", finding=str(recovery.damage))

    def close(self) -> None:
        """Leave the journal; what it could not write is in the streams."""
        journal, self._journal = self._journal, None
        if journal is not None:
            self._count(journal)
            with contextlib.suppress(OSError):
                journal.__exit__()

    async def run(self, bus: Bus) -> None:
        """Write until cancelled, opening the journal again whenever it had to be left.

        Raises:
            ProviderUnavailable: Another process writes this journal.
        """
        while True:
            if self._journal is None:
                self.open()
            if self._journal is not None:
                try:
                    await asyncio.create_task(self._write(bus, self._journal))  # see `heed_cancellation`
                except* OSError as failures:
                    self._note_failure(failures)
                heed_cancellation()
                self.close()
            await asyncio.sleep(RETRY_S)

    async def _write(self, bus: Bus, journal: Journal) -> None:
        caught_up = [asyncio.Event() for _ in Stream]
        async with asyncio.TaskGroup() as tasks:
            for stream, event in zip(Stream, caught_up, strict=True):
                writing = write_down(
                    bus, stream, journal, fsync=self._settings.fsync, caught_up=event, remaining=self.remaining
                )
                tasks.create_task(writing)
            if self._settings.fsync == "interval":
                tasks.create_task(_sync_every(journal, self._settings.fsync_interval / 1e9))
            tasks.create_task(_look_after(journal))
            for event in caught_up:
                await event.wait()
            journal.sync()
            self._note_recovery()

    def _count(self, journal: Journal) -> None:
        self._written_count = journal.record_count - self._before_count

    def _note_failure(self, error: BaseException) -> None:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        assert isinstance(error, OSError)
        self._failure_count += 1
        self._failure = error.strerror or type(error).__name__
        if self._failing_mono_ns is None:
            self._failing_mono_ns = self._clock.mono_ns()
            _log.error("the journal cannot be written", folder=str(self._directory), reason=self._failure)

    def _note_recovery(self) -> None:
        if self._failing_mono_ns is not None:
            _log.info("the journal is written again, and nothing is left to write", after_ms=self._unwritten_ms())
        self._failing_mono_ns = None

    def _unwritten_ms(self) -> int:
        if self._failing_mono_ns is None:
            return 0
        return max(1, (self._clock.mono_ns() - self._failing_mono_ns) // NS_PER_MS)

    def work(self) -> WorkFigures:
        """The work so far, and how long there has been no writing."""
        if self._journal is not None:
            self._count(self._journal)
        return WorkFigures.now(
            handled_total=self._written_count + self._failure_count,
            errors_total=self._failure_count,
            unwritten_ms=self._unwritten_ms(),
        )

    def detail(self) -> str:
        """Why nothing can be written now; empty when it can."""
        return f"{self._directory}: {self._failure}" if self._unwritten_ms() else ""

    def condition(self) -> Condition:
        """For the supervisor."""
        unwritten_ms = self._unwritten_ms()
        if unwritten_ms:
            line = f"CANNOT WRITE since {unwritten_ms / 1_000:.0f} s: {self.detail()}"
            return Condition(is_ready=False, line=line)
        journal = self._journal
        if journal is None:
            return Condition(is_ready=False, line="opening the journal")
        mended = f", {journal.recovery.torn_bytes} torn bytes mended" if journal.recovery.torn_bytes else ""
        damage = ", DAMAGED: see `solquote journal verify`" if journal.recovery.damage is not None else ""
        line = f"{journal.record_count} records, head {journal.head.hex()[:8]}{mended}{damage}"
        return Condition(is_ready=True, line=line)


async def write_down(
    bus: Bus,
    stream: Stream,
    journal: Journal,
    *,
    fsync: Literal["always", "interval", "never"],
    caught_up: asyncio.Event | None = None,
    remaining: dict[Stream, int] | None = None,
) -> None:
    """Write every event of one stream, from the last one written on, for ever; `remaining` is told how far behind.

    Raises:
        OSError: The journal cannot be written.
    """
    await bus.wait_for_stream(stream)
    position = journal.positions.get(stream)
    after = Place(position.created, position.sequence) if position is not None else None
    async for batch in follow(bus, stream, after=after, caught_up=caught_up):
        for message in batch:
            journal.append(
                stream=stream,
                created=message.created,
                sequence=message.sequence,
                subject=message.subject,
                stored_unix_ns=message.stored_unix_ns,
                payload=message.data,
            )
        journal.flush()
        if remaining is not None and batch:
            remaining[stream] = batch[-1].remaining_count
        if fsync == "always":
            journal.sync()


async def _look_after(journal: Journal) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        journal.check_in_place()


async def _sync_every(journal: Journal, interval_s: float) -> None:
    while True:
        await asyncio.sleep(interval_s)
        descriptor = journal.unsynced_descriptor()
        if descriptor is not None:
            await asyncio.to_thread(_force_to_disk, descriptor)  # a slow disk must not hold up the streams


def _force_to_disk(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
