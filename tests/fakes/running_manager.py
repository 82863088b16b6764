"""The system manager in a test's event loop, over a real bus: all but its HTTP API and what it asks services."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from pipeline.system_manager.checkpoint import CheckpointFile
from pipeline.system_manager.latch import Latch
from pipeline.system_manager.manager import Manager
from pipeline.system_manager.registration import Registration
from pipeline.system_manager.rules import Rules
from pipeline.system_manager.settings import SystemManagerSettings
from pipeline.system_manager.witness import WitnessFile
from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.settings import PlatformSettings

NEVER_NS = 10**18
DELIVERED = SystemManagerSettings()


def latch_in(bus: Bus | None, folder: Path, *, clock: Clock = SYSTEM_CLOCK, restate_after_ns: int = NEVER_NS) -> Latch:
    """A latch with its witness in `folder`, on the bus if one is given."""
    latch = Latch(clock=clock, witness=WitnessFile(folder / "latched"), restate_after_ns=restate_after_ns)
    if bus is not None:
        latch.attach(bus)
    return latch


@contextlib.asynccontextmanager
async def running_manager(
    bus: Bus,
    folder: Path,
    *,
    name: str = "one",
    takes_over: str = "",
    restate_after_ns: int = NEVER_NS,
    settings: SystemManagerSettings = DELIVERED,
) -> AsyncIterator[Manager]:
    """A manager that has just begun; it has not vouched for anything yet."""
    manager = Manager(
        Rules(settings.limits(PlatformSettings()), since_unix_ns=0),
        latch_in(None, folder, restate_after_ns=restate_after_ns),
        Registration(
            name, takes_over=takes_over, where=str(folder), clock=SYSTEM_CLOCK, restate_after_ns=restate_after_ns
        ),
        CheckpointFile(folder / "checkpoint"),
        clock=SYSTEM_CLOCK,
        heartbeat_interval_ns=50_000_000,
        rate_window_ns=settings.rate_window,
    )
    task = asyncio.create_task(manager.run(bus))
    try:
        yield manager
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
