"""The one result of every plan: kept on disk, then stored in the stream, whatever becomes of bus and process meanwhile.

The stream stores a result only if its subject, `executed.<pair>.<plan>`, holds none yet. So whoever comes first
decides how the plan ended; an ending that comes too late and says that something was executed is not thrown away but
becomes a dead letter, for people.
"""

import asyncio
from typing import Final

import structlog

from pipeline.executor.log_sync import LogSync
from pipeline.executor.result_log import ResultLog
from quote_core.bus import Bus, Consumer
from quote_core.bus.register import read_newest_on, write_if_newest_is
from quote_core.errors import ProviderUnavailable
from quote_core.events import (
    ExecutionPlan,
    ExecutionResult,
    Outcome,
    Stream,
    dead_letter_subject,
    encode,
    kind_of,
    subject_of,
)

__all__ = ["Results"]

PUBLISH_RETRY_S: Final = 0.2

_log: Final = structlog.get_logger()


class Results:
    """Results owed and stored.

    Args:
        bus: Where they go.
        log: Where they are kept until they are there; open.
        consumer: Whose plans they conclude; names the dead letters.
    """

    def __init__(self, bus: Bus, log: ResultLog, consumer: Consumer) -> None:
        self._bus = bus
        self._log = log
        self._sync = LogSync(log)
        self._late_subject = dead_letter_subject(consumer.stream, consumer.name)
        self.failure: OSError | None = None
        """Why an ending could not be kept on disk; once set, nothing more may be begun."""
        self._storing: dict[bytes, asyncio.Task[bool]] = {}

    @property
    def is_full(self) -> bool:
        """Whether so much is owed that nothing more should be begun."""
        return self._log.is_full

    async def pay(self) -> None:
        """Store everything owed from before."""
        if owed := self._log.owed:
            _log.warning("endings from before are owed to the stream", count=len(owed))
        for result in owed:
            await self._stored(result)

    async def store(self, result: ExecutionResult) -> bool:
        """Keep the ending of a plan and store it, however long that takes; a wait cancelled does not end the storing.

        Returns:
            Whether the plan now has this result; False = it had another.

        Raises:
            OSError: It could not be kept on disk. It is stored all the same when this is raised.
        """
        storing = self._storing.get(result.plan_id)
        if storing is None:
            storing = asyncio.create_task(self._keep_and_store(result))
            self._storing[result.plan_id] = storing
            storing.add_done_callback(lambda _: self._storing.pop(result.plan_id, None))
        return await asyncio.shield(storing)

    def owed(self, plan_id: bytes) -> ExecutionResult | None:
        """How a plan ended, as this host knows and the stream may not yet."""
        return self._log.of_plan(plan_id)

    def take_over(self) -> None:
        """Make our own what executors of this host that died since owe."""
        self._log.take_over()

    async def stored(self, plan: ExecutionPlan) -> ExecutionResult | None:
        """The result the stream has of a plan.

        Raises:
            ProviderUnavailable: It cannot be known.
        """
        subject = kind_of(ExecutionResult).subject.format(pair=plan.pair, plan_id=plan.header.event_id.hex())
        newest = await read_newest_on(self._bus, Stream.EXECUTED, subject)
        return newest.event if newest is not None and isinstance(newest.event, ExecutionResult) else None

    async def close(self) -> None:
        """Stop storing; what is not stored is on disk."""
        for task in tuple(self._storing.values()):
            task.cancel()
        await asyncio.gather(*self._storing.values(), return_exceptions=True)
        await self._sync.close()

    async def _keep_and_store(self, result: ExecutionResult) -> bool:
        syncing: asyncio.Task[None] | None = None
        if self._log.of_plan(result.plan_id) is None:
            try:
                self._log.keep(result)
                # Not waited for before publishing: whichever comes first, the disk here or the stream's, is enough.
                syncing = self._sync.begin(result.plan_id)
            except OSError as error:
                self.failure = error
        is_ours = await self._stored(result)
        if syncing is not None and not self._sync.is_waiting(syncing):
            try:
                await asyncio.shield(syncing)
            except OSError as error:
                self.failure = error
        if self.failure is not None:
            raise self.failure
        return is_ours

    async def _stored(self, result: ExecutionResult) -> bool:
        told = ""
        while True:
            try:
                is_ours = await write_if_newest_is(self._bus, result, sequence=0) is not None
                if not is_ours:
                    await self._bury_late(result)
            except ProviderUnavailable as error:
                if str(error) != told:
                    _log.warning("the result is not stored yet", reason=str(error))
                told = str(error)
                await asyncio.sleep(PUBLISH_RETRY_S)
            else:
                self._log.strike_out(result.plan_id)
                return is_ours

    async def _bury_late(self, result: ExecutionResult) -> None:
        if result.outcome in (Outcome.REFUSED, Outcome.ABANDONED):
            return
        _log.error("another ending was stored before ours", plan=result.plan_id.hex(), outcome=result.outcome.name)
        headers = {
            "Nats-Msg-Id": f"late.{result.plan_id.hex()}.{result.executor}",
            "Solquote-Reason": f"{result.outcome.name}, stored too late: the plan has another result",
            "Solquote-Subject": subject_of(result),
        }
        await self._bus.publish_bytes(self._late_subject, encode(result), headers)
