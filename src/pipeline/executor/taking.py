"""What paper has taken, kept with EXECUTED: what other executors took, and all of before a restart."""

import asyncio
from typing import Final

from pipeline.executor.paper_model import TakenBook
from quote_core.bus import Bus
from quote_core.bus.follow import follow
from quote_core.errors import LayoutMismatch
from quote_core.events import ExecutionResult, Stream, view

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
            result = _result_of(run_id, message.data)
            if result is not None and result.taken:
                book.take(result, result.taken)


def _result_of(run_id: str, data: bytes) -> ExecutionResult | None:
    """The result in a message; of another run's no more is read than its name."""
    try:
        seen = view(data)
        result = seen.whole() if seen.event is ExecutionResult and seen["run_id"] == run_id else None
    except LayoutMismatch:
        return None
    return result if isinstance(result, ExecutionResult) else None
