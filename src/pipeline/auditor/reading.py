"""The ledger from the EXECUTED stream: read to its end for a query, or to its end and on for the auditor.

Until all that was kept at the start has been added up, the sums are those of some earlier day: `caught_up` says when
they are to be believed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

import structlog

from pipeline.auditor.checkpoint import LEDGER_COUNT_MAX, Checkpoint, CheckpointFile
from pipeline.auditor.daily import DayAccounts, day_text
from pipeline.auditor.ledger import DAY_NS, Ledger
from pipeline.auditor.runs import Runs, RunSums
from pipeline.auditor.usd import SolPrices
from pipeline.checkpoint import INTERVAL_S, keep_current, objection_of
from quote_core.bus import Bus
from quote_core.bus.follow import Followed, Place, data_at, first_kept, follow, read_to_end
from quote_core.bus.register import event_of, read_newest_on
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import NO_TRACE, ExecutionResult, Stream, decode
from quote_core.health import WorkFigures
from quote_core.telemetry import traces

__all__ = ["Books", "follow_books", "keep_books", "newest_run", "read_results", "result_in"]

RETRY_S: Final = 0.2

_log: Final = structlog.get_logger()


class Books:
    """The ledgers of one life of the EXECUTED stream; a stream made anew begins others.

    Args:
        capital_lamports: What trading began with.
        prices: Of SOL in dollars.
        run_id: Whose account `ledger` is; empty = that of the newest result.
        reported_days: The days that need no report any more, counted from 1970.
    """

    def __init__(
        self, *, capital_lamports: int, prices: SolPrices, run_id: str = "", reported_days: Iterable[int] = ()
    ) -> None:
        self._capital_lamports = capital_lamports
        self._prices = prices
        self._run_id = run_id
        self._reported_days = set(reported_days)
        self.days = self._no_days(keeps_all=True)
        self._runs = self._no_runs()
        self._event_id = ""
        self._count = 0
        self._is_too_large = False
        self.place: Place | None = None
        """The message taken last."""
        self.taken_count = 0
        """Messages taken by this process."""
        self.malformed_count = 0
        self.remaining_count = 0
        """How many the stream kept behind the message taken last."""
        self.newest_trace = NO_TRACE
        """That of the newest result that was news."""
        self.caught_up = asyncio.Event()
        """Set while the account is whole: nothing that was kept at the start is still to be added."""

    @property
    def run(self) -> RunSums:
        """The sums of the run."""
        return self._runs.of(self._run_id) if self._run_id else self._runs.newest

    @property
    def ledger(self) -> Ledger:
        """The account of the run."""
        return self.run.ledger

    def checkpoint(self) -> Checkpoint | None:
        """All that is known now; `None`, said once in the log, when it is too much to be kept."""
        if self.place is None:
            return None
        if len(self._runs.by_run) + self.days.ledger_count > LEDGER_COUNT_MAX:
            if not self._is_too_large:
                _log.warning("there is no checkpoint: too many accounts", accounts_max=LEDGER_COUNT_MAX)
            self._is_too_large = True
            return None
        self._is_too_large = False
        return Checkpoint(
            place=self.place,
            event_id=self._event_id,
            count=self._count,
            capital_lamports=self._capital_lamports,
            prices=self._prices.digest,
            runs=tuple(sums.copied() for sums in self._runs.by_run.values()),
            days=self.days.state(),
        )

    def missing_reports(self, kept: Checkpoint) -> list[int]:
        """The days whose report was written by then, and has been deleted since."""
        return [day for day in kept.days.reported if day not in self._reported_days]

    def resume(self, kept: Checkpoint) -> str:
        """Go on behind the results that `kept` has counted, before any other is taken; empty, or why that cannot be."""
        if kept.capital_lamports != self._capital_lamports:
            return "it is of another trading capital"
        if kept.prices != self._prices.digest:
            return "it prices SOL by other tokens"
        self._reported_days.update(kept.days.reported)  # whose accounts are gone, also where the report is
        self._runs = Runs(capital_lamports=self._capital_lamports, prices=self._prices, known=kept.runs)
        self.days = DayAccounts.of(
            kept.days, self._prices, capital_lamports=self._capital_lamports, reported=self._reported_days
        )
        self.place, self._event_id, self._count = kept.place, kept.event_id, kept.count
        return ""

    def take(self, message: Followed) -> ExecutionResult | None:
        """Add one message; what is no result is counted, and gives `None`."""
        if self.place is not None and self.place.created != message.created:
            _log.warning("the EXECUTED stream was made anew; counting from its first result")
            self._runs, self._count = self._no_runs(), 0
            self.place = None
        if self.place is None:
            self.days = self._no_days(keeps_all=message.sequence == 1)
        self.place = Place(message.created, message.sequence)
        self.taken_count += 1
        self._count += 1
        self.remaining_count = message.remaining_count
        result = result_in(message)
        self._event_id = result.header.event_id.hex() if result is not None else ""
        if result is None:
            self.malformed_count += 1
            return None
        if self.caught_up.is_set():  # what was added up before was traced when it was news
            with traces.processing(message.subject, result.header):
                self._runs.add(result)
                self._tell(result)
        else:
            self._runs.add(result)
        is_in_time = self.days.add(result)
        if not is_in_time and self.caught_up.is_set():
            _log.warning("a result came too late for its day's report", plan_id=result.plan_id.hex())
        return result

    def _no_runs(self) -> Runs:
        return Runs(capital_lamports=self._capital_lamports, prices=self._prices)

    def _no_days(self, *, keeps_all: bool) -> DayAccounts:
        return DayAccounts(
            self._prices,
            capital_lamports=self._capital_lamports,
            reported=self._reported_days,
            keeps_all=keeps_all,
        )

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


async def keep_books(
    bus: Bus, books: Books, file: CheckpointFile, *, on_change: Callable[[], None], interval_s: float = INTERVAL_S
) -> None:
    """Keep `books` current for ever, going on behind the checkpoint where the stream bears it out, and keep that too.

    Args:
        bus: The connection.
        books: Filled; empty at the start.
        file: Where the checkpoint is.
        on_change: Called with no arguments after each batch.
        interval_s: Between two checkpoints.
    """
    await _resume(bus, books, file)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow_books(bus, books, on_change=on_change))
        tasks.create_task(
            keep_current(file, books.checkpoint, lambda: books.place, is_whole=books.caught_up, interval_s=interval_s)
        )


async def _resume(bus: Bus, books: Books, file: CheckpointFile) -> None:
    kept = await asyncio.to_thread(file.load)
    if kept is None:
        return
    reason = (
        await objection_of(bus, Stream.EXECUTED, kept)
        or await _report_to_make_again(bus, books.missing_reports(kept))
        or books.resume(kept)
    )
    if reason:
        _log.warning("the checkpoint is not used; reading EXECUTED from its beginning", reason=reason)
    else:
        _log.info("going on from the checkpoint", sequence=kept.place.sequence, results=kept.count)


async def _report_to_make_again(bus: Bus, missing_days: Sequence[int]) -> str:
    """A report that is gone is of use only as long as the stream has all of its day."""
    while missing_days:
        try:
            first = await first_kept(bus, Stream.EXECUTED)
            data = await data_at(bus, Stream.EXECUTED, first)
        except ProviderUnavailable:
            await asyncio.sleep(RETRY_S)
            continue
        oldest = event_of(data) if data is not None else None
        if not isinstance(oldest, ExecutionResult):  # who knows what the stream keeps: read it
            return "the report of a day is gone"
        oldest_day = oldest.finished_unix_ns // DAY_NS
        if missing_days[-1] > oldest_day or (missing_days[-1] == oldest_day and first.sequence == 1):
            return f"the report of {day_text(missing_days[-1])} is gone, and is to be made again"
        return ""
    return ""


async def follow_books(bus: Bus, books: Books, *, on_change: Callable[[], None]) -> None:
    """Keep `books` current for ever, from behind what they have taken on; `on_change` after each batch.

    Args:
        bus: The connection.
        books: Filled.
        on_change: Called with no arguments.
    """
    async for batch in follow(bus, Stream.EXECUTED, after=books.place, caught_up=books.caught_up):
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
