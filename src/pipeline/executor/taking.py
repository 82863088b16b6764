"""What paper has taken, kept with EXECUTED: what other executors took, and all of before a restart."""

import asyncio
from typing import Final

from pipeline.executor.paper_model import TakenBook
from quote_core.bus import Bus
from quote_core.bus.follow import follow
from quote_core.bus.register import event_of
from quote_core.events import ExecutionResult, Stream

__all__ = ["REMEMBERED_NS", "follow_taken"]

REMEMBERED_NS: Final = 3_600_000_000_000
"""What was taken longer before the start of an executor is not read again: hardly a pool has not moved by then."""


async def follow_taken(bus: Bus, book: TakenBook, *, run_id: str, now_unix_ns: int, caught_up: asyncio.Event) -> None:
    """Keep `book` current, for ever.

    Args:
        bus: The connection.
        book: Written.
        run_id: Results of other runs are of another market, or of a recorded one that began anew.
        now_unix_ns: From so much before it, see `REMEMBERED_NS`.
        caught_up: Set once all that is kept has been taken in.
    """
    since_unix_ns = max(0, now_unix_ns - REMEMBERED_NS)
    async for batch in follow(bus, Stream.EXECUTED, since_unix_ns=since_unix_ns, caught_up=caught_up):
        for message in batch:
            event = event_of(message.data)
            if isinstance(event, ExecutionResult) and event.taken and event.run_id == run_id:
                book.take(event, event.taken)
