"""Who follows what; a slow one hears the newest of each, once, and everybody hears everything again in time."""

import asyncio

import pytest
from fakes.fake_clock import FakeClock

from quote_core.errors import ProviderUnavailable, RowLost, TooManyStreams
from quote_core.serving import Subscription, Subscriptions

S = 1_000_000_000


def following(*items: int) -> Subscription[int, str]:
    return Subscription((item, f"my {item}") for item in items)


def labelled(*items: int) -> list[tuple[int, str]]:
    return [(item, f"my {item}") for item in items]


class Undisturbed(Subscription[int, str]):
    """One to which nothing comes while it waits: waiting moves the clock."""

    def __init__(self, clock: FakeClock, *items: int) -> None:
        super().__init__(labelled(*items))
        self._clock = clock

    async def changed(self, wait_ns: int | None = None) -> bool:
        if await super().changed(0):
            return True
        assert wait_ns is not None
        self._clock.advance_ns(wait_ns)
        return False


def test_only_own_items_become_pending() -> None:
    mark = following(1, 2, 3)
    mark.offer((7, 8))
    assert mark.take() == ()
    mark.offer((2, 9))
    assert mark.take() == (2,)


def test_item_that_changes_often_is_told_once_and_the_rest_is_counted() -> None:
    mark = following(1, 2)
    for _ in range(5):
        mark.offer((1,))
    assert mark.take(10) == (1,)
    assert mark.conflated_count == 4
    assert mark.take() == ()


def test_what_waits_longest_is_told_first_and_no_more_than_asked_for() -> None:
    mark = following(*range(10))
    for item in (5, 3, 8, 3):
        mark.offer((item,))
    assert mark.take(2) == (5, 3)
    assert mark.take(2) == (8,)


def test_item_asked_for_twice_has_both_labels() -> None:
    assert Subscription([("row", 3), ("other", 4), ("row", 9)]).labels == {"row": (3, 9), "other": (4,)}


async def test_change_wakes_and_without_one_the_wait_ends() -> None:
    mark = following(1)
    assert not await mark.changed(1)
    waiting = asyncio.create_task(mark.changed(60 * S))
    await asyncio.sleep(0)
    mark.offer((1,))
    assert await waiting
    mark.take()
    mark.wake()
    assert await mark.changed(60 * S), "woken for another reason"


async def test_waiting_goes_on_at_once_while_a_part_is_pending() -> None:
    mark = following(1, 2)
    mark.offer((1, 2))
    mark.take(1)
    assert await mark.changed(60 * S)
    mark.take(1)
    assert not await mark.changed(1)


async def test_item_that_never_changes_comes_exactly_once_an_interval() -> None:
    clock = FakeClock()
    mark, started_ns = Undisturbed(clock, 1, 2), clock.mono_ns()
    assert mark.take_all() == (1, 2)
    told = []
    async for items in mark.turns(refresh_ns=10 * S, clock=clock):
        told.append((items, (clock.mono_ns() - started_ns) // S))
        if len(told) == 4:
            break
    assert told == [((1, 2), 10), ((1, 2), 20), ((1, 2), 30), ((1, 2), 40)]


async def test_item_that_changed_is_not_due_again_before_half_an_interval_and_no_later_than_a_whole_one() -> None:
    clock = FakeClock()
    mark, started_ns = Undisturbed(clock, 1, 2), clock.mono_ns()
    mark.take_all()
    turns = mark.turns(refresh_ns=10 * S, clock=clock)
    assert await anext(turns) == (1, 2)
    clock.advance_ns(3 * S)  # at 13 s
    mark.offer((1,))
    assert await anext(turns) == (1,)
    clock.advance_ns(4 * S)  # at 17 s
    mark.offer((2,))
    told = [(await anext(turns), (clock.mono_ns() - started_ns) // S) for _ in range(3)]
    assert told == [((2,), 17), ((1,), 22), ((2,), 27)]


async def test_turn_holds_no_more_than_the_subscriber_takes() -> None:
    mark = following(1, 2, 3)
    mark.offer((1, 2, 3))
    turns = mark.turns(refresh_ns=60 * S, clock=FakeClock(), count_max=2)
    assert [await anext(turns), await anext(turns)] == [(1, 2), (3,)]


def test_item_goes_on_under_another_name_pending_or_not() -> None:
    mark = following(0, 1, 2)
    mark.offer((1,))
    mark.rename({0: 1, 1: 7})
    assert mark.labels == {1: ("my 0",), 7: ("my 1",), 2: ("my 2",)}
    assert mark.take() == (7,)
    mark.offer((0, 1))
    assert mark.take() == (1,)


def test_subscriber_that_lost_an_item_hears_that_it_is_over() -> None:
    subscriptions: Subscriptions[int, str] = Subscriptions(count_max=2)
    with subscriptions.follow(labelled(0)) as loses, subscriptions.follow(labelled(1)) as keeps:
        subscriptions.rename({0: None})
        with pytest.raises(RowLost):
            loses.take()
        subscriptions.publish((1,))
        assert keeps.take() == (1,)


def test_everybody_present_is_told_and_nobody_who_left() -> None:
    subscriptions: Subscriptions[int, str] = Subscriptions(count_max=2)
    with subscriptions.follow(labelled(1)) as stays:
        with subscriptions.follow(labelled(1)) as leaves:
            assert len(subscriptions) == 2
        subscriptions.publish((1,))
        assert (stays.take(), leaves.take()) == ((1,), ())
    assert len(subscriptions) == 0


def test_what_was_conflated_stays_counted_when_the_subscriber_leaves() -> None:
    subscriptions: Subscriptions[int, str] = Subscriptions(count_max=2)
    with subscriptions.follow(labelled(1)):
        subscriptions.publish((1,))
        subscriptions.publish((1,))
        assert subscriptions.conflated_count == 1
    assert subscriptions.conflated_count == 1


def test_there_is_a_last_place() -> None:
    subscriptions: Subscriptions[int, str] = Subscriptions(count_max=1)
    with subscriptions.follow(labelled(1)):
        with pytest.raises(TooManyStreams, match="1 are open"):
            subscriptions.check_room()
        with pytest.raises(TooManyStreams), subscriptions.follow(labelled(2)):
            pass
    subscriptions.check_room()


async def test_closing_ends_every_stream_with_the_reason() -> None:
    subscriptions: Subscriptions[int, str] = Subscriptions(count_max=1)
    with subscriptions.follow(labelled(1)) as subscription:
        subscriptions.close(ProviderUnavailable("somebody", "is stopping"))
        with pytest.raises(ProviderUnavailable, match="is stopping"):
            await anext(subscription.turns(refresh_ns=60 * S, clock=FakeClock()))
