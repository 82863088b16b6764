"""Composition of the notifier."""

import asyncio
import contextlib
from pathlib import Path

import aiohttp

from pipeline.health import HealthReporter
from pipeline.notifier.book_file import begun, held_alone, notifier_folder
from pipeline.notifier.configured import book_rules, open_destinations, quiet_hours_of, wording_of
from pipeline.notifier.delivery import Delivery
from pipeline.notifier.destinations.base import Destination
from pipeline.notifier.metrics import notifier_source
from pipeline.notifier.notifier import Notifier
from pipeline.notifier.settings import NotifierSettings
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


async def run(platform: PlatformSettings, settings: NotifierSettings, stop: asyncio.Event) -> None:
    """Run until told to stop.

    Raises:
        SettingsError: No destination is set, or a secret cannot be used.
        ProviderUnavailable: Another notifier has the data folder.
    """
    folder = notifier_folder(platform.data_folder())
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        destinations = open_destinations(settings, session, clock=SYSTEM_CLOCK)
        stack.enter_context(held_alone(folder))
        await _run(platform, settings, folder, destinations, stop)


async def _run(
    platform: PlatformSettings,
    settings: NotifierSettings,
    folder: Path,
    destinations: list[Destination],
    stop: asyncio.Event,
) -> None:
    deliveries: list[Delivery] = []

    def wake() -> None:
        for one in deliveries:
            one.changed.set()

    notifier = Notifier(
        folder,
        begun(folder),
        book_rules(settings, destinations),
        clock=SYSTEM_CLOCK,
        silence_ns=settings.silence_max,
        unwell_ns=settings.unwell_after,
        settle_ns=settings.settle,
        on_news=wake,
    )
    quiet, wording = quiet_hours_of(settings), wording_of(settings)
    deliveries += [
        Delivery(
            destination,
            book=notifier.book,
            wording=wording,
            clock=SYSTEM_CLOCK,
            messages_per_minute=settings.messages_per_minute,
            refusals_max=settings.refusals_max,
            is_quiet=quiet.covers if quiet else lambda _: False,
            on_told=notifier.note_change,
        )
        for destination in destinations
    ]
    health_interval_ns = PipelineSettings.load().health_interval
    used: Bus | None = None

    def detail() -> str:
        return "; ".join(filter(None, (notifier.file.failure, *(one.detail() for one in deliveries))))

    def condition() -> Condition:
        if used is None or not used.is_connected:
            return Condition(is_ready=False, line="waiting for NATS")
        return Condition(is_ready=True, line="; ".join(filter(None, (notifier.line(), detail()))))

    async def listen() -> None:
        nonlocal used
        async with connect_as(BusRole.NOTIFIER, platform) as bus:
            used = bus
            reporter = HealthReporter(
                bus,
                service="notifier",
                clock=SYSTEM_CLOCK,
                interval_ns=health_interval_ns,
                work=notifier.work,
                detail=detail,
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(reporter.run())
                tasks.create_task(notifier.follow_bus(bus))

    metrics = MetricsPage(
        settings,
        work_source(notifier.work),
        bus_source(lambda: used),
        follower_source(lambda: notifier.remaining),
        notifier_source(notifier.book, deliveries),
    )
    await work_until_told(
        listen(),
        notifier.file.run(),
        notifier.look_after(lambda: used is not None and used.is_connected),
        *(one.run() for one in deliveries),
        stop=stop,
        condition=condition,
        metrics=metrics,
    )
