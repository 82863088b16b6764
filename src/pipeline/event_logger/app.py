"""Composition of the event logger: one follower a stream, one journal."""

import asyncio
import os
from typing import Final, Literal

import structlog

from pipeline.event_logger.journal import Journal
from pipeline.event_logger.settings import EventLoggerSettings
from pipeline.health import HealthReporter, WorkTotals
from pipeline.process import Condition, work_until_told
from pipeline.settings import PipelineSettings
from quote_core.bus import Bus, connect
from quote_core.bus.follow import Place, follow
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Stream
from quote_core.settings import PlatformSettings

__all__ = ["run", "write_down"]

_log: Final = structlog.get_logger("event_logger")


async def run(platform: PlatformSettings, settings: EventLoggerSettings) -> None:
    """Run until told to stop."""
    with Journal(settings.journal_folder(platform), bounds=settings.bounds()) as journal:
        _tell(journal)
        health_interval_ns = PipelineSettings.load().health_interval
        recovered_count = journal.record_count
        is_connected = False

        async def work() -> None:
            nonlocal is_connected
            async with connect(platform.nats_url, name="event_logger") as bus:
                is_connected = True
                reporter = HealthReporter(
                    bus,
                    service="event_logger",
                    clock=SYSTEM_CLOCK,
                    interval_ns=health_interval_ns,
                    totals=lambda: WorkTotals(handled_count=journal.record_count - recovered_count),
                )
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(reporter.run())
                    for stream in Stream:
                        tasks.create_task(write_down(bus, stream, journal, fsync=settings.fsync))
                    if settings.fsync == "interval":
                        tasks.create_task(_sync_every(journal, settings.fsync_interval / 1e9))

        await work_until_told(work(), condition=lambda: _condition(journal, is_connected=is_connected))


async def write_down(
    bus: Bus, stream: Stream, journal: Journal, *, fsync: Literal["always", "interval", "never"]
) -> None:
    """Write every event of one stream, from the last one written on, for ever."""
    await bus.wait_for_stream(stream)
    position = journal.positions.get(stream)
    after = Place(position.created, position.sequence) if position is not None else None
    async for batch in follow(bus, stream, after=after):
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
        if fsync == "always":
            journal.sync()


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


def _tell(journal: Journal) -> None:
    recovery = journal.recovery
    if recovery.torn_bytes:
        _log.warning("the journal's end was half written and is cut off", torn_bytes=recovery.torn_bytes)
    if recovery.damage is not None:
        _log.error("the journal was changed; writing goes on in a new file", finding=str(recovery.damage))


def _condition(journal: Journal, *, is_connected: bool) -> Condition:
    if not is_connected:
        return Condition(is_ready=False, line="waiting for NATS")
    mended = f", {journal.recovery.torn_bytes} torn bytes mended" if journal.recovery.torn_bytes else ""
    damage = ", DAMAGED: see `verify`" if journal.recovery.damage is not None else ""
    return Condition(
        is_ready=True, line=f"{journal.record_count} records, head {journal.head.hex()[:8]}{mended}{damage}"
    )
