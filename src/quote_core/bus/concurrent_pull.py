"""Hands a consumer's messages to a handler, a bounded number at once: the one pull loop of every stage.

| what happens                      | what is in hand            | what was taken and not begun      |
|-----------------------------------|----------------------------|-----------------------------------|
| all hands are full                | goes on                    | waits: one message, or with ranks |
|                                   |                            | as many as are asked for at once  |
| the handler frees its hand        | goes on                    | the next comes into the free      |
|                                   |                            | hand: of the lowest rank, among   |
|                                   |                            | equals the one that came first    |
| `run` is cancelled                | goes on                    | handed back: others get it now    |
| `finish`                          | is waited for, and         |                                   |
|                                   | cancelled after a time;    |                                   |
|                                   | sooner, when its hand is   |                                   |
|                                   | free and the caller wants  |                                   |
| the handler raises                | goes on                    | handed back; `run` raises         |

The one that has waited longest is not passed over more often than `batch_count` times, whatever its rank.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from quote_core.bus.connection import Bus
from quote_core.bus.consumer import Consumer, StandingPull

__all__ = ["ConcurrentPull", "Hand", "PullFigures"]


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


class Hand:
    """What holds a message. Its handler may free it early: what is left to do then keeps no other message waiting."""

    __slots__ = ("_freed",)

    def __init__(self, freed: Callable[[], None]) -> None:
        self._freed: Callable[[], None] | None = freed

    def free(self) -> None:
        """Take the next message; a hand is freed once."""
        if self._freed is not None:
            freed, self._freed = self._freed, None
            freed()


class ConcurrentPull:
    """Pulls one consumer; may be run, cancelled and run again.

    Args:
        bus: Where messages come from.
        consumer: Which messages.
        handle: Settles a message, which the hand holds until it is freed or this has returned. What it raises is a
            fault of the program, and ends `run`.
        concurrency: How many messages are in hand at once. 1 keeps their order, without ranks.
        batch_count: How many are asked of the server at once; beyond those in hand they wait here.
        rank: Which of those that wait comes into a hand first: the lowest. Must not raise. `None` = in their order.
    """

    def __init__(
        self,
        bus: Bus,
        consumer: Consumer,
        handle: Callable[[Msg, Hand], Awaitable[None]],
        *,
        concurrency: int,
        batch_count: int,
        rank: Callable[[Msg], float] | None = None,
    ) -> None:
        self.figures = PullFigures(consumer)
        self._bus = bus
        self._consumer = consumer
        self._handle = handle
        self._batch_count = batch_count
        self._rank = rank
        self._free_count = self._hand_count = concurrency
        self._waiting: list[tuple[float, Msg]] = []
        """In the order in which they came, with their ranks."""
        self._waiting_count_max = 1 if rank is None else batch_count
        self._passed_over_count = 0
        """How often another one was taken before the first of them."""
        self._has_room = asyncio.Event()
        self._in_hand: set[asyncio.Task[None]] = set()
        self._hands_are_free = asyncio.Event()
        self._hands_are_free.set()
        self._fault: BaseException | None = None
        self._has_fault = asyncio.Event()

    async def run(self) -> None:
        """Take messages until cancelled; outlasts every loss of NATS."""
        pulling = asyncio.create_task(self._pull())
        failing = asyncio.create_task(self._has_fault.wait())
        try:
            await asyncio.wait((pulling, failing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting, self._waiting = self._waiting, []
            for task in (pulling, failing):
                task.cancel()
            outcome, _ = await asyncio.gather(pulling, failing, return_exceptions=True)
            for _, message in waiting:
                with contextlib.suppress(NatsError, TimeoutError, OSError):  # otherwise it is delivered again later
                    await message.nak()
        fault = self._fault or outcome
        if isinstance(fault, BaseException):
            raise fault

    async def finish(self, timeout_s: float | None = None, *, freed_timeout_s: float | None = None) -> None:
        """Wait for what is in hand, and cancel what takes longer than `timeout_s`.

        With `freed_timeout_s`, what is left to do once all hands are free, or `timeout_s` is over, may take that long.
        """
        if freed_timeout_s is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._hands_are_free.wait()
            timeout_s = freed_timeout_s
        if self._in_hand:
            _, late = await asyncio.wait(self._in_hand, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _pull(self) -> None:
        pull = StandingPull(self._bus, self._consumer, batch_count=self._batch_count)
        async with contextlib.aclosing(pull.messages()) as messages:
            async for message in messages:
                self._waiting.append((0.0 if self._rank is None else self._rank(message), message))
                # Not at once: what has come together with it is ranked first, even if there are free hands for all.
                asyncio.get_running_loop().call_soon(self._begin)
                while len(self._waiting) >= self._waiting_count_max:
                    self._has_room.clear()
                    await self._has_room.wait()

    def _begin(self) -> None:
        """Take what waits into the hands that are free."""
        while self._waiting and self._free_count:
            self._free_count -= 1
            self._hands_are_free.clear()
            message = self._next()
            self.figures.take(message)
            task = asyncio.create_task(self._settle(message))
            self._in_hand.add(task)
            task.add_done_callback(self._settled)
            self._has_room.set()

    def _next(self) -> Msg:
        ranks = [rank for rank, _ in self._waiting]
        place = 0 if self._passed_over_count >= self._waiting_count_max else ranks.index(min(ranks))
        self._passed_over_count = self._passed_over_count + 1 if place else 0
        return self._waiting.pop(place)[1]

    def _freed(self) -> None:
        self._free_count += 1
        self._begin()
        if self._free_count == self._hand_count:
            self._hands_are_free.set()

    async def _settle(self, message: Msg) -> None:
        hand = Hand(self._freed)
        try:
            await self._handle(message, hand)
        finally:
            hand.free()

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self.figures.in_hand_count -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault = self._fault or error
            self._has_fault.set()
