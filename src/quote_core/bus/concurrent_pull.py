"""Hands a consumer's messages to a handler, a bounded number at once: the one pull loop of every stage.

| what happens                      | what is in hand            | what was taken and not begun      |
|-----------------------------------|----------------------------|-----------------------------------|
| all hands are full                | goes on                    | waits, one message at a time      |
| `run` is cancelled                | goes on                    | handed back: others get it now    |
| `finish`                          | is waited for, and         |                                   |
|                                   | cancelled after a time     |                                   |
| the handler raises                | goes on                    | handed back; `run` raises         |
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nats.aio.msg import Msg

from quote_core.bus.client_errors import upstream_errors
from quote_core.bus.connection import Bus
from quote_core.bus.consumer import Consumer, StandingPull
from quote_core.errors import ProviderUnavailable

__all__ = ["ConcurrentPull", "PullFigures"]


@dataclass(slots=True)
class PullFigures:
    """What was taken of a consumer since the start."""

    consumer: Consumer
    taken_count: int = 0
    redelivered_count: int = 0
    """Of these, what had been delivered before, to whomever."""
    waiting_count: int = 0
    """How many were still to be delivered when the last one was."""
    in_hand_count: int = 0

    def take(self, message: Msg) -> None:
        """One has come into a hand."""
        metadata = message.metadata
        self.taken_count += 1
        self.in_hand_count += 1
        self.redelivered_count += metadata.num_delivered > 1
        self.waiting_count = metadata.num_pending


class ConcurrentPull:
    """Pulls one consumer; may be run, cancelled and run again.

    Args:
        bus: Where messages come from.
        consumer: Which messages.
        handle: Settles a message. What it raises is a fault of the program, and ends `run`.
        concurrency: How many messages are in hand at once. 1 keeps their order.
        batch_count: How many are asked of the server at once; beyond those in hand they wait here.
    """

    def __init__(
        self,
        bus: Bus,
        consumer: Consumer,
        handle: Callable[[Msg], Awaitable[None]],
        *,
        concurrency: int,
        batch_count: int,
    ) -> None:
        self.figures = PullFigures(consumer)
        self._bus = bus
        self._consumer = consumer
        self._handle = handle
        self._batch_count = batch_count
        self._free = asyncio.Semaphore(concurrency)
        self._in_hand: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._has_fault = asyncio.Event()

    async def run(self) -> None:
        """Take messages until cancelled; outlasts every loss of NATS."""
        pulling = asyncio.create_task(self._pull())
        failing = asyncio.create_task(self._has_fault.wait())
        try:
            await asyncio.wait((pulling, failing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pulling, failing):
                task.cancel()
            outcome, _ = await asyncio.gather(pulling, failing, return_exceptions=True)
        fault = self._fault or outcome
        if isinstance(fault, BaseException):
            raise fault

    async def finish(self, timeout_s: float | None = None) -> None:
        """Wait for what is in hand, and cancel what takes longer than `timeout_s`."""
        if self._in_hand:
            _, late = await asyncio.wait(self._in_hand, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _pull(self) -> None:
        pull = StandingPull(self._bus, self._consumer, batch_count=self._batch_count)
        async with contextlib.aclosing(pull.messages()) as messages:
            async for message in messages:
                await self._wait_for_a_free_hand(message)
                self.figures.take(message)
                task = asyncio.create_task(self._settle(message))
                self._in_hand.add(task)
                task.add_done_callback(self._settled)

    async def _wait_for_a_free_hand(self, message: Msg) -> None:
        try:
            await self._free.acquire()
        except asyncio.CancelledError:
            with contextlib.suppress(ProviderUnavailable), upstream_errors():  # otherwise it is delivered again later
                await message.nak()
            raise

    async def _settle(self, message: Msg) -> None:
        await self._handle(message)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self.figures.in_hand_count -= 1
        self._free.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault = self._fault or error
            self._has_fault.set()
