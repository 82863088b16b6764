"""What becomes of messages in hand and of those only taken, whoever pulls."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from quote_core.bus import Bus, Consumer, concurrent_pull
from quote_core.bus.concurrent_pull import ConcurrentPull, Hand
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
        self.give(3)

    def give(self, count: int) -> None:
        self.messages_given = [Message(number) for number in range(count)]
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

    async def handle(self, message: Any, _: Hand) -> None:
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


async def test_a_hand_freed_takes_the_next_one_and_what_was_in_it_is_still_waited_for(kept: Kept) -> None:
    hands = Hands()

    async def free_first(message: Any, hand: Hand) -> None:
        if message.number == 0:
            hand.free()
            hand.free()  # once: another hand must not come of it
        await hands.handle(message, hand)

    pull = pull_of(free_first, concurrency=1)
    running = asyncio.create_task(pull.run())
    await all_that_can_be_done_now()
    assert hands.begun == [0, 1]
    await cancelled(running)
    hands.may_finish.set()
    await pull.finish()
    assert sorted(hands.done) == [0, 1]


async def test_what_is_left_to_do_with_free_hands_has_its_own_shorter_time(kept: Kept) -> None:
    hands, is_freed = Hands(), asyncio.Event()

    async def free_when_told(message: Any, hand: Hand) -> None:
        await is_freed.wait()
        hand.free()
        await hands.handle(message, hand)

    pull = pull_of(free_when_told, concurrency=3)
    running = asyncio.create_task(pull.run())
    await all_that_can_be_done_now()
    await cancelled(running)
    finishing = asyncio.create_task(pull.finish(DEADLINE_S, freed_timeout_s=0))
    await all_that_can_be_done_now()
    assert not finishing.done()
    is_freed.set()
    await asyncio.wait_for(finishing, DEADLINE_S)
    assert (hands.begun, hands.done) == ([0, 1, 2], [])


async def test_hands_that_are_never_freed_are_waited_for_no_longer_than_told(kept: Kept) -> None:
    hands = Hands()
    pull = pull_of(hands.handle, concurrency=3)
    running = asyncio.create_task(pull.run())
    await all_that_can_be_done_now()
    await cancelled(running)
    await asyncio.wait_for(pull.finish(0, freed_timeout_s=0), DEADLINE_S)
    assert (pull.figures.in_hand_count, hands.done) == (0, [])


async def test_a_handler_that_raises_ends_the_pull_with_its_fault(kept: Kept) -> None:
    async def broken(_: Any, hand: Hand) -> None:
        raise ZeroDivisionError

    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(ZeroDivisionError):
            await pull_of(broken, concurrency=2).run()


def ranked(kept: Kept, ranks: list[float], hands: Hands, *, concurrency: int, batch_count: int) -> ConcurrentPull:
    """Messages numbered as they come, with a rank each."""
    kept.give(len(ranks))
    return ConcurrentPull(
        cast("Bus", None),
        Consumer(stream=Stream.SYSTEM, name="tester"),
        hands.handle,
        concurrency=concurrency,
        batch_count=batch_count,
        rank=lambda message: ranks[cast("Any", message).number],
    )


async def test_of_what_came_together_the_lowest_rank_is_first_and_of_equals_the_first(kept: Kept) -> None:
    hands = Hands()
    hands.may_finish.set()
    running = asyncio.create_task(ranked(kept, [3, 1, 2, 1], hands, concurrency=1, batch_count=4).run())
    await all_that_can_be_done_now()
    assert hands.done == [1, 3, 2, 0]
    await cancelled(running)


async def test_of_what_waits_for_a_hand_the_lowest_rank_is_next(kept: Kept) -> None:
    hands = Hands()
    pull = ranked(kept, [5, 4, 3, 2, 1, 0], hands, concurrency=2, batch_count=3)
    running = asyncio.create_task(pull.run())
    await all_that_can_be_done_now()
    assert hands.begun == [2, 1], "of the first three, the two lowest; what comes later does not take a hand away"
    hands.may_finish.set()
    await all_that_can_be_done_now()
    assert hands.begun[2:4] == [4, 0], "the lowest of the three that wait, then the one passed over three times"
    assert sorted(hands.done) == list(range(6))
    await cancelled(running)


async def test_what_waits_longest_is_passed_over_only_so_often(kept: Kept) -> None:
    hands = Hands()
    hands.may_finish.set()
    running = asyncio.create_task(ranked(kept, [9, *[0] * 20], hands, concurrency=1, batch_count=3).run())
    await all_that_can_be_done_now()
    assert hands.begun.index(0) == 3
    await cancelled(running)


async def test_all_that_waits_is_handed_back_and_what_is_in_hand_goes_on(kept: Kept) -> None:
    hands = Hands()
    pull = ranked(kept, [2, 1, 0, 3], hands, concurrency=1, batch_count=3)
    running = asyncio.create_task(pull.run())
    await all_that_can_be_done_now()
    await cancelled(running)
    assert [message.number for message in kept.messages_given if message.is_handed_back] == [0, 1, 3]
    hands.may_finish.set()
    await pull.finish()
    assert hands.done == [2]
