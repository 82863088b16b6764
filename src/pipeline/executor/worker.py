"""Takes plans and concludes each exactly once, however many executors run and whenever one dies.

Every executor pulls from one durable consumer, so a plan is with one of them. Its result is stored only if the plan's
own subject, `executed.<pair>.<plan>`, holds none yet, a check the stream makes itself; the plan is acknowledged after
that. So an executor that dies before its result is stored leaves the plan to be delivered again, and one that dies
between result and acknowledgement leaves a second result to be refused.

| gate              | plans                                                                                       |
|-------------------|---------------------------------------------------------------------------------------------|
| open              | pulled, executed or refused, one result each                                                |
| closes            | what has begun is finished; what was only delivered is handed back, without a result         |
| closed            | stay in the stream; nothing is published                                                    |
| opens again       | those too old by then are concluded as expired                                              |
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from nats.aio.msg import Msg

from pipeline.executor.guards import Guards
from pipeline.executor.paper import UNAVAILABLE, Venue
from pipeline.executor.result import Ending, failed, not_started, result_of
from quote_core.bus import Bus, Consumer
from quote_core.bus.connection import upstream_errors
from quote_core.bus.consumer import StandingPull
from quote_core.bus.register import write_if_newest_is
from quote_core.bus.stage import bury
from quote_core.clock import Clock
from quote_core.errors import InvalidField, LayoutMismatch, ProviderUnavailable
from quote_core.events import ExecutionMode, ExecutionPlan, ExecutionResult, Outcome, decode, subject_of

__all__ = ["Gate", "Worker", "WorkerCounts"]

PUBLISH_RETRY_S: Final = 0.2

INTERNAL: Final = "internal"
"""Begins the reason of a failure that is our own fault."""

_log: Final = structlog.get_logger("executor")


class Gate(Protocol):
    """What the worker needs of the trading gate."""

    changed: asyncio.Event

    @property
    def allows_new_trades(self) -> bool:
        """Whether a plan may be begun now."""
        ...


@dataclass(slots=True)
class WorkerCounts:
    """What this executor has done so far."""

    filled: int = 0
    failed: int = 0
    refused: int = 0
    abandoned: int = 0
    handed_back: int = 0
    concluded_elsewhere: int = 0
    dead: int = 0
    broken: int = 0
    """Failed through our own or a neighbour's fault, not the market's."""

    @property
    def concluded(self) -> int:
        """Plans this executor has given their one result."""
        return self.filled + self.failed + self.refused + self.abandoned


class Worker:
    """One executor.

    Args:
        bus: Where plans come from and results go to.
        consumer: The durable all executors share.
        gate: Whether plans may be begun.
        guards: What refuses a plan.
        venue: Where plans are executed.
        clock: Of ages and events.
        mode: Told in every result.
        name: Which executor this is, told in every result.
        concurrency: Plans in hand at once.
        in_flight_ns_max: A plan begun is concluded within this time, come what may.
        stop_grace_ns: How long what is in hand may take when the process is told to stop.
    """

    def __init__(
        self,
        bus: Bus,
        consumer: Consumer,
        *,
        gate: Gate,
        guards: Guards,
        venue: Venue,
        clock: Clock,
        mode: ExecutionMode,
        name: str,
        concurrency: int,
        in_flight_ns_max: int,
        stop_grace_ns: int,
    ) -> None:
        self.counts = WorkerCounts()
        self._bus = bus
        self._consumer = consumer
        self._gate = gate
        self._guards = guards
        self._venue = venue
        self._clock = clock
        self._mode = mode
        self._name = name
        self._concurrency = concurrency
        self._in_flight_s_max = in_flight_ns_max / 1e9
        self._stop_grace_s = stop_grace_ns / 1e9
        self._free = asyncio.Semaphore(concurrency)
        self._in_hand: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled; then finish what is in hand."""
        try:
            while True:
                await self._until_gate(is_open=True)
                await self._pull_while_open()
        finally:
            await asyncio.shield(self._finish())

    async def _until_gate(self, *, is_open: bool) -> None:
        while self._gate.allows_new_trades is not is_open:
            self._gate.changed.clear()
            await self._gate.changed.wait()

    async def _pull_while_open(self) -> None:
        pulling = asyncio.create_task(self._pull())
        closing = asyncio.create_task(self._until_gate(is_open=False))
        try:
            await asyncio.wait((pulling, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pulling, closing):
                task.cancel()
            outcomes = await asyncio.gather(pulling, closing, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _pull(self) -> None:
        pull = StandingPull(self._bus, self._consumer, batch_count=max(2, self._concurrency))
        async with contextlib.aclosing(pull.messages()) as messages:
            async for message in messages:
                await self._wait_for_a_free_hand(message)
                task = asyncio.create_task(self._handle(message))
                self._in_hand.add(task)
                task.add_done_callback(self._handled)

    async def _wait_for_a_free_hand(self, message: Msg) -> None:
        try:
            await self._free.acquire()
        except asyncio.CancelledError:
            await self._hand_back(message)
            raise

    async def _hand_back(self, message: Msg) -> None:
        self.counts.handed_back += 1
        with upstream_errors():
            await message.nak()

    def _handled(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._free.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a plan was left unsettled; it will be delivered again", exc_info=error)

    async def _finish(self) -> None:
        if self._in_hand:
            _, late = await asyncio.wait(self._in_hand, timeout=self._stop_grace_s)
            for task in late:
                task.cancel()

    async def _handle(self, message: Msg) -> None:
        """What cannot be settled now is delivered again."""
        try:
            async with asyncio.timeout(self._in_flight_s_max):
                await self._settle(message)
        except (ProviderUnavailable, TimeoutError) as error:
            _log.warning("left unsettled; it will be delivered again", reason=str(error) or type(error).__name__)

    async def _settle(self, message: Msg) -> None:
        taken_unix_ns = self._clock.unix_ns()
        try:
            plan = decode(message.data)
            subject_of(plan)
        except (LayoutMismatch, InvalidField) as error:
            await self._bury(message, str(error))
            return
        if not isinstance(plan, ExecutionPlan):
            await self._bury(message, f"a {type(plan).__name__} is no plan")
            return
        if not self._gate.allows_new_trades:
            await self._hand_back(message)
            return
        ending = await self._conclude(plan, taken_before=message.metadata.num_delivered > 1)
        result = result_of(
            plan, ending, mode=self._mode, executor=self._name, taken_unix_ns=taken_unix_ns, clock=self._clock
        )
        await self._store(result)
        with upstream_errors():
            await message.ack()

    async def _conclude(self, plan: ExecutionPlan, *, taken_before: bool) -> Ending:
        refusal = self._guards.refusal(plan, now_unix_ns=self._clock.unix_ns())
        if refusal is not None:
            return not_started(refusal, taken_before=taken_before and refusal.startswith("expired"))
        try:
            return await self._venue.execute(plan)
        except Exception as error:  # noqa: BLE001  # a plan taken must end in a result, also when the executor is at fault
            _log.exception("execution raised", plan=plan.header.event_id.hex())
            return failed(plan, f"{INTERNAL}: {type(error).__name__}", reached_chain=False)

    async def _store(self, result: ExecutionResult) -> None:
        """Store the plan's one result; while the bus is away it is tried again, as long as the plan may take."""
        while True:
            try:
                sequence = await write_if_newest_is(self._bus, result, sequence=0)
            except ProviderUnavailable as error:
                _log.warning("the result is not stored yet", reason=str(error))
                await asyncio.sleep(PUBLISH_RETRY_S)
            else:
                break
        if sequence is None:
            self.counts.concluded_elsewhere += 1
            return
        self._count(result)

    def _count(self, result: ExecutionResult) -> None:
        counts = self.counts
        match result.outcome:
            case Outcome.FILLED:
                counts.filled += 1
            case Outcome.FAILED:
                counts.failed += 1
                counts.broken += result.reason.startswith((INTERNAL, UNAVAILABLE))
            case Outcome.REFUSED:
                counts.refused += 1
            case Outcome.ABANDONED:
                counts.abandoned += 1
        _log.info(
            "concluded",
            plan=result.plan_id.hex(),
            pair=result.pair,
            outcome=result.outcome.name,
            profit_lamports=result.profit_lamports,
            reason=result.reason,
        )

    async def _bury(self, message: Msg, reason: str) -> None:
        self.counts.dead += 1
        _log.error("dead letter", subject=message.subject, reason=reason)
        await bury(self._bus, self._consumer, message, reason)
