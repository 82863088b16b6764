"""Make the streams of the bus, then look after them: memory streams are gone whenever the server restarts."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from nats.js.errors import NotFoundError

from pipeline.event_logger.settings import EventLoggerSettings
from pipeline.history.settings import HistorySettings
from pipeline.initializer.metrics import streams_source
from pipeline.initializer.repair import repair
from pipeline.initializer.settings import InitializerSettings
from pipeline.initializer.sizing import Room, fit, room_at, shortened
from pipeline.initializer.streams import STREAMS, StreamPlan
from quote_core.bus import Bus, BusRole, connect_as
from quote_core.bus.client_errors import upstream_errors
from quote_core.bus.metrics import bus_source
from quote_core.bus.survey import StreamSurvey, survey_of
from quote_core.errors import ProviderUnavailable
from quote_core.events import Stream
from quote_core.health import Condition
from quote_core.process import work_until_told
from quote_core.settings import PlatformSettings
from quote_core.telemetry.metrics import MetricsPage

__all__ = ["run"]

RETRY_S: Final = 0.2
STORE_NAME: Final = "nats"
"""Folder of the embedded server's store in the data folder."""

_log: Final = structlog.get_logger()


async def run(platform: PlatformSettings, settings: InitializerSettings, stop: asyncio.Event) -> None:
    """Run until done or told to stop."""
    state = Condition(is_ready=False, line="waiting for NATS")
    used: Bus | None = None
    surveys: list[StreamSurvey] = []

    def note(condition: Condition) -> None:
        nonlocal state
        state = condition

    async def work() -> None:
        nonlocal used
        async with connect_as(BusRole.INITIALIZER, platform) as bus:
            used = bus
            plans = fit(STREAMS, await _room(bus, platform))
            _tell(plans)
            await look_after(bus, settings, note, plans, surveys=surveys)

    metrics = MetricsPage(settings, bus_source(lambda: used), streams_source(lambda: surveys))
    await work_until_told(work(), stop=stop, condition=lambda: state, metrics=metrics)


def _tell(plans: Sequence[StreamPlan]) -> None:
    for plan in shortened(plans):
        hours = round(plan.age_s_at_rate / 3_600, 2)
        _log.warning("a stream is shortened for want of room", stream=plan.stream.value, hours_at_full_rate=hours)


async def _room(bus: Bus, platform: PlatformSettings) -> Room:
    """What there is here, where the server's store is here too."""
    store = platform.data_folder() / STORE_NAME
    if not store.is_dir():
        return Room()
    bounds = EventLoggerSettings.load().bounds()
    return room_at(
        platform.data_folder(),
        held_bytes=await _held_bytes(bus),
        journal_bytes_max=bounds.segment_bytes_max * bounds.segment_count_max,
        history_bytes_max=HistorySettings.load().data_folder_bytes_max(),
    )


async def _held_bytes(bus: Bus) -> int:
    held_bytes = 0
    for plan in STREAMS:
        if plan.storage == "file":
            held_bytes += await _stream_bytes(bus, plan.stream)
    return held_bytes


async def _stream_bytes(bus: Bus, stream: Stream) -> int:
    while True:
        try:
            with upstream_errors():
                return (await bus.jetstream.stream_info(stream)).state.bytes
        except ProviderUnavailable as error:
            if isinstance(error.__cause__, NotFoundError):
                return 0
            await asyncio.sleep(RETRY_S)


async def look_after(
    bus: Bus,
    settings: InitializerSettings,
    note: Callable[[Condition], None],
    plans: Sequence[StreamPlan] = STREAMS,
    *,
    surveys: list[StreamSurvey] | None = None,
) -> None:
    """Repair, once or for ever; every pass is noted.

    Args:
        bus: Where the streams are.
        settings: How often, and whether again.
        note: Told the outcome of each pass.
        plans: How the streams are to be.
        surveys: Filled with the streams as each pass left them.
    """
    while True:
        try:
            repairs = await repair(bus, plans, replicas=settings.replicas or None)
            found = [await survey_of(bus, plan.stream) for plan in plans] if surveys is not None else []
        except ProviderUnavailable as error:
            note(Condition(is_ready=False, line=str(error)))
            await asyncio.sleep(RETRY_S)
            continue
        if surveys is not None:
            surveys[:] = found
        if repairs.made or repairs.changed:
            _log.info("streams repaired", made=repairs.made, changed=repairs.changed)
        if repairs.plans != tuple(plans):
            _log.warning("the server has less room than planned")
            plans = repairs.plans
            _tell(plans)
        short = [plan.stream.value for plan in shortened(plans)]
        line = f"{len(plans)} streams as planned" + (
            f", shortened for want of room: {', '.join(short)}" if short else ""
        )
        note(Condition(is_ready=True, line=line))
        if not settings.watch:
            return
        await asyncio.sleep(settings.watch_interval / 1e9)
