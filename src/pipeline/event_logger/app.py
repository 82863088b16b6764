"""Composition of the event logger."""

import asyncio
import contextlib

from pipeline.event_logger.metrics import journal_source
from pipeline.event_logger.settings import EventLoggerSettings
from pipeline.event_logger.writing import Writing
from pipeline.health import HealthReporter
from pipeline.settings import PipelineSettings
from quote_core.bus import Bus, BusRole, connect_as
from quote_core.bus.metrics import bus_source, follower_source
from quote_core.clock import SYSTEM_CLOCK
from quote_core.health import Condition
from quote_core.process import work_until_told
from quote_core.settings import PlatformSettings
from quote_core.telemetry.metrics import MetricsPage
from quote_core.work_metrics import work_source

__all__ = ["run"]


async def run(platform: PlatformSettings, settings: EventLoggerSettings, stop: asyncio.Event) -> None:
    """Run until told to stop.

    Raises:
        ProviderUnavailable: Another process writes the journal.
    """
    writing = Writing(platform, settings, clock=SYSTEM_CLOCK)
    health_interval_ns = PipelineSettings.load().health_interval
    is_connected = False
    used: Bus | None = None

    def condition() -> Condition:
        return writing.condition() if is_connected else Condition(is_ready=False, line="waiting for NATS")

    async def work() -> None:
        nonlocal is_connected, used
        with contextlib.closing(writing):
            writing.open()  # before NATS is there: a second writer is told at once
            async with connect_as(BusRole.EVENT_LOGGER, platform) as bus:
                is_connected, used = True, bus
                reporter = HealthReporter(
                    bus,
                    service="event_logger",
                    clock=SYSTEM_CLOCK,
                    interval_ns=health_interval_ns,
                    work=writing.work,
                    detail=writing.detail,
                )
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(reporter.run())
                    tasks.create_task(writing.run(bus))

    metrics = MetricsPage(
        settings,
        work_source(writing.work),
        bus_source(lambda: used),
        follower_source(lambda: writing.remaining),
        journal_source(writing),
    )
    await work_until_told(work(), stop=stop, condition=condition, metrics=metrics)
