"""Make the streams of the bus, then look after them: memory streams are gone whenever the server restarts."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from pipeline.initializer.repair import repair
from pipeline.initializer.settings import InitializerSettings
from pipeline.initializer.streams import STREAMS
from pipeline.process import Condition, work_until_told
from quote_core.bus import Bus, connect
from quote_core.errors import ProviderUnavailable
from quote_core.settings import PlatformSettings

__all__ = ["run"]

RETRY_S: Final = 0.2

_log: Final = structlog.get_logger("initializer")


async def run(platform: PlatformSettings, settings: InitializerSettings) -> None:
    """Run until done or told to stop."""
    state = Condition(is_ready=False, line="waiting for NATS")

    def note(condition: Condition) -> None:
        nonlocal state
        state = condition

    async def work() -> None:
        async with connect(platform.nats_url, name="initializer") as bus:
            await look_after(bus, settings, note)

    await work_until_told(work(), condition=lambda: state)


async def look_after(bus: Bus, settings: InitializerSettings, note: Callable[[Condition], None]) -> None:
    """Repair, once or for ever; every pass is noted.

    Args:
        bus: Where the streams are.
        settings: How often, and whether again.
        note: Told the outcome of each pass.
    """
    while True:
        try:
            repairs = await repair(bus, STREAMS)
        except ProviderUnavailable as error:
            note(Condition(is_ready=False, line=str(error)))
            await asyncio.sleep(RETRY_S)
            continue
        if repairs.made or repairs.changed:
            _log.info("streams repaired", made=repairs.made, changed=repairs.changed)
        note(Condition(is_ready=True, line=f"{len(STREAMS)} streams as planned"))
        if not settings.watch:
            return
        await asyncio.sleep(settings.watch_interval / 1e9)
