"""The ledger from the EXECUTED stream: read to its end for a query, or to its end and on for the auditor.

Until all that was kept at the start has been added up, the sums are those of some earlier day: `caught_up` says when
they are to be believed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog

from pipeline.auditor.ledger import Ledger, Ledgers
from quote_core.bus import Bus
from quote_core.bus.follow import Followed, Place, follow, read_to_end
from quote_core.bus.register import read_newest_on
from quote_core.errors import LayoutMismatch
from quote_core.events import NO_TRACE, ExecutionResult, Stream, decode
from quote_core.health import WorkFigures
from quote_core.telemetry import traces

__all__ = ["Books", "follow_books", "newest_run", "read_results", "result_in"]

_log: Final = structlog.get_logger()


class Books:
    """The ledgers of one life of the EXECUTED stream; a stream made anew begins others.

    Args:
        capital_lamports: What trading began with.
        run_id: Whose account `ledger` is; empty = that of the newest result.
    """

    def __init__(self, *, capital_lamports: int, run_id: str = "") -> None:
        self._capital_lamports = capital_lamports
        self._run_id = run_id
        self._place: Place | None = None
        self._ledgers = Ledgers(capital_lamports=capital_lamports)
        self.taken_count = 0
        self.malformed_count = 0
        self.remaining_count = 0
        """How many the stream kept behind the message taken last."""
        self.newest_trace = NO_TRACE
        """That of the newest result that was news."""
        self.caught_up = asyncio.Event()
        """Set while the account is whole: nothing that was kept at the start is still to be added."""

    @property
    def ledger(self) -> Ledger:
        """The account of the run."""
        return self._ledgers.of(self._run_id) if self._run_id else self._ledgers.newest

    def take(self, message: Followed) -> ExecutionResult | None:
        """Add one message; what is no result is counted, and gives `None`."""
        if self._place is not None and self._place.created != message.created:
            _log.warning("the EXECUTED stream was made anew; counting from its first result")
            self._ledgers = Ledgers(capital_lamports=self._capital_lamports)
        self._place = Place(message.created, message.sequence)
        self.taken_count += 1
        self.remaining_count = message.remaining_count
        result = result_in(message)
        if result is None:
            self.malformed_count += 1
            return None
        if self.caught_up.is_set():  # what was added up before was traced when it was news
            with traces.processing(message.subject, result.header):
                self._ledgers.add(result)
                self._tell(result)
        else:
            self._ledgers.add(result)
        return result

    def _tell(self, result: ExecutionResult) -> None:
        """The line of profit and loss, as the end of the result's trace."""
        self.newest_trace = traces.created_in(result.header.trace)
        traces.annotate(
            {
                "solquote.pair": result.pair,
                "solquote.outcome": result.outcome.name,
                "solquote.profit_lamports": result.profit_lamports,
                "solquote.cumulative_profit_lamports": self.ledger.cumulative_profit_lamports,
            }
        )

    def work(self) -> WorkFigures:
        """The work so far."""
        return WorkFigures.now(handled_total=self.taken_count, errors_total=self.malformed_count)


async def follow_books(bus: Bus, books: Books, *, on_change: Callable[[], None]) -> None:
    """Keep `books` current for ever, from the first result kept on; `on_change` after each batch.

    Args:
        bus: The connection.
        books: Filled; empty at the start.
        on_change: Called with no arguments.
    """
    async for batch in follow(bus, Stream.EXECUTED, caught_up=books.caught_up):
        for message in batch:
            books.take(message)
        on_change()


async def read_results(bus: Bus) -> AsyncIterator[ExecutionResult]:
    """Every result the stream keeps now, oldest first.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    async for message in read_to_end(bus, Stream.EXECUTED):
        result = result_in(message)
        if result is not None:
            yield result


async def newest_run(bus: Bus) -> str:
    """The run of the newest result; empty when nobody named it, or there is no result.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    newest = await read_newest_on(bus, Stream.EXECUTED, Stream.EXECUTED.subjects)
    if newest is None:
        return ""
    if isinstance(newest.event, ExecutionResult):
        return newest.event.run_id
    run_id = ""
    async for result in read_results(bus):  # the newest message is no result
        run_id = result.run_id
    return run_id


def result_in(message: Followed) -> ExecutionResult | None:
    """The result a message of EXECUTED carries; `None`, said in the log, when it carries none."""
    try:
        event = decode(message.data)
    except LayoutMismatch as error:
        _log.warning("not an event", subject=message.subject, sequence=message.sequence, reason=str(error))
        return None
    return event if isinstance(event, ExecutionResult) else None
