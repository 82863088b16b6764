"""Events that are told apart by a number, published whatever happens to the server meanwhile."""

import asyncio

from fakes.waiting import DEADLINE_S

from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.events import Lifecycle, Phase, derived_id, stamp


async def publish(bus: Bus, *numbers: int, detail: str = "") -> None:
    """Publish one event a number, which is its `pid`, and return when all are stored."""
    for number in numbers:
        header = stamp(SYSTEM_CLOCK, event_id=derived_id("numbered", number))
        event = Lifecycle(header=header, service="test", instance="1", phase=Phase.READY, pid=number, detail=detail)
        async with asyncio.timeout(DEADLINE_S):
            while not await _is_stored(bus, event):  # noqa: ASYNC110  # what is awaited happens in the server
                await asyncio.sleep(0.02)


async def _is_stored(bus: Bus, event: Lifecycle) -> bool:
    try:
        await bus.publish(event)
    except ProviderUnavailable:
        return False
    return True
