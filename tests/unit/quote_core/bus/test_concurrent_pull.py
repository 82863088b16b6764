"""What becomes of messages in hand and of those only taken, whoever pulls."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from quote_core.bus import Bus, Consumer, concurrent_pull
from quote_core.bus.concurrent_pull import ConcurrentPull
from quote_core.events import Stream

DEADLINE_S = 20.0


@dataclass
class Metadata:
    num_delivered: int
    num_pending: int


@dataclass
class Message:
    number: int
    is_handed_back: bool = False

    @property
    def metadata(self) -> Metadata:
        """The last of the three has come before."""
        return Metadata(num_delivered=1 + (self.number == 2), num_pending=2 - self.number)

    async def nak(self) -> None:
        self.is_handed_back = True


class Kept:
    """What the server has, in the place of a standing pull; nothing that was given comes again by itself."""

    def __init__(self) -> None:
        self.messages_given = [Message(number) for number in range(3)]
        self._left = list(self.messages_given)

    def __call__(self, *_: object, **__: object) -> "Kept":
        return self

    async def messages(self) -> AsyncIterator[Message]:
        while self._left:
            yield self._left.pop(0)
        await asyncio.Event().wait()


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    kept = Kept()
    monkeypatch.setattr(concurrent_pull, "StandingPull", kept)
    return kept


class Hands:
    def __init__(self) -> None:
        self.begun: list[int] = []
        self.done: list[int] = []
        self.may_finish = asyncio.Event()

    async def handle(self, message: Any) -> None:
        self.begun.append(message.number)
        await self.may_finish.wait()
        self.done.append(message.number)


def pull_of(handle: Any, *, concurrency: int) -> ConcurrentPull:
    consumer = Consumer(stream=Stream.SYSTEM, name="tester")
    return ConcurrentPull(cast("Bus", None), consumer, handle, concurrency=concurrency, batch_count=3)


async def all_that_can_be_done_now() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait_for(task, DEADLINE_S)


async def test_cancelled_it_lets_what_is_in_hand_finish_and_hands_back_what_was_only_taken(kept: Kept) -> None:
    hands = Hands()
    pull = pull_of(hands.handle, concurrency=1)
    running = asyncio.create_task(pull.run())
    await all_that_can_be_done_now()
    await cancelled(running)
    assert [message.is_handed_back for message in kept.messages_given] == [False, True, False]
    hands.may_finish.set()
    await pull.finish()
    assert hands.done == [0]


async def test_run_again_it_counts_what_is_still_in_hand(kept: Kept) -> None:
    hands = Hands()
    pull = pull_of(hands.handle, concurrency=1)
    await_first = asyncio.create_task(pull.run())
    await all_that_can_be_done_now()
    await cancelled(await_first)
    again = asyncio.create_task(pull.run())
    await all_that_can_be_done_now()
    assert hands.begun == [0]
    hands.may_finish.set()
    await all_that_can_be_done_now()
    assert hands.done == [0, 2]
    await cancelled(again)


async def test_what_takes_longer_than_the_grace_is_cancelled(kept: Kept) -> None:
    hands = Hands()
    pull = pull_of(hands.handle, concurrency=3)
    running = asyncio.create_task(pull.run())
    await all_that_can_be_done_now()
    assert hands.begun == [0, 1, 2]
    figures = pull.figures
    assert (figures.taken_count, figures.redelivered_count, figures.waiting_count) == (3, 1, 0)
    assert figures.in_hand_count == 3
    await cancelled(running)
    await pull.finish(timeout_s=0)
    hands.may_finish.set()
    await all_that_can_be_done_now()
    assert hands.done == []
    assert figures.in_hand_count == 0


async def test_a_handler_that_raises_ends_the_pull_with_its_fault(kept: Kept) -> None:
    async def broken(_: Any) -> None:
        raise ZeroDivisionError

    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(ZeroDivisionError):
            await pull_of(broken, concurrency=2).run()
