"""What the results on EXECUTED tell an executor of others, and of before its start: what is lost, open and taken."""

import asyncio
from typing import Final

from pipeline.auditor.ledger import DAY_NS
from pipeline.executor.hard_stops import HardStops
from pipeline.executor.paper_model import TakenBook
from quote_core.bus import Bus
from quote_core.bus.follow import Followed, follow
from quote_core.errors import LayoutMismatch
from quote_core.events import ExecutionResult, Stream, view

__all__ = ["TAKEN_NS", "follow_results"]

TAKEN_NS: Final = 3_600_000_000_000
"""What was taken longer before the start of an executor is not read again: hardly a pool has not moved by then."""

APART_NS_MAX: Final = 60_000_000_000
"""How far the stream's clock may be behind ours: results of so much before midnight are read as well."""

GATHER_S: Final = 0.05
"""Endings are heard so much later: mostly they are our own and known already, and each would wake us by itself. The
pools of others' rest for longer."""

IN_A_ROW_MAX: Final = 100
"""Results counted before plans have their turn."""


async def follow_results(
    bus: Bus, stops: HardStops, book: TakenBook | None, *, run_id: str, now_unix_ns: int, caught_up: asyncio.Event
) -> None:
    """Keep `stops` and `book` current, for ever.

    Args:
        bus: The connection.
        stops: Told of every result of this UTC day, of whatever run.
        book: Told what was taken; `None` = nobody asks.
        run_id: What results of other runs took is of another market, or of a recorded one that began anew.
        now_unix_ns: From midnight before it, or `TAKEN_NS`, whichever is longer ago.
        caught_up: Set once all that is kept has been taken in.
    """
    midnight_unix_ns = now_unix_ns - now_unix_ns % DAY_NS
    taken_since_unix_ns = now_unix_ns - TAKEN_NS
    since_unix_ns = max(0, min(midnight_unix_ns - APART_NS_MAX, taken_since_unix_ns))
    followed = follow(bus, Stream.EXECUTED, since_unix_ns=since_unix_ns, caught_up=caught_up, gather_s=GATHER_S)
    async for batch in followed:
        for number, message in enumerate(batch, 1):
            reads_taken = book is not None and message.stored_unix_ns >= taken_since_unix_ns
            _take(message, stops, book if reads_taken else None, run_id)
            if number % IN_A_ROW_MAX == 0:
                await asyncio.sleep(0)


def _take(message: Followed, stops: HardStops, book: TakenBook | None, run_id: str) -> None:
    """Of a result no more is read than is needed: there may be a day of them."""
    try:
        seen = view(message.data)
        if seen.event is not ExecutionResult:
            return
        stops.ended_with(seen["plan_id"], seen["profit_lamports"], seen["finished_unix_ns"])
        result = seen.whole() if book is not None and seen["run_id"] == run_id else None
    except LayoutMismatch:
        return
    if book is not None and isinstance(result, ExecutionResult) and result.taken:
        book.take(result, result.taken)
