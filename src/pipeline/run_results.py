"""The results of one run, followed on EXECUTED. Those of another run are of another market."""

import asyncio
from collections.abc import AsyncIterator

from quote_core.bus import Bus
from quote_core.bus.follow import follow
from quote_core.errors import LayoutMismatch
from quote_core.events import ExecutionResult, Stream, view

__all__ = ["follow_results"]


async def follow_results(
    bus: Bus, *, run_id: str, since_unix_ns: int, caught_up: asyncio.Event
) -> AsyncIterator[tuple[ExecutionResult, int]]:
    """Yield each result, and the stream's time of storing it, for ever.

    Args:
        bus: The connection.
        run_id: Of which run.
        since_unix_ns: From what was stored at this time on.
        caught_up: Set once all that is kept has been worked off.
    """
    async for batch in follow(bus, Stream.EXECUTED, since_unix_ns=max(0, since_unix_ns), caught_up=caught_up):
        for message in batch:
            result = _result_of(run_id, message.data)
            if result is not None:
                yield result, message.stored_unix_ns


def _result_of(run_id: str, data: bytes) -> ExecutionResult | None:
    """The result in a message; of another run's no more is read than its name."""
    try:
        seen = view(data)
        result = seen.whole() if seen.event is ExecutionResult and seen["run_id"] == run_id else None
    except LayoutMismatch:
        return None
    return result if isinstance(result, ExecutionResult) else None
