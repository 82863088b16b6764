"""Who wants which rows; a slow one hears the newest of each, once."""

import asyncio

import pytest

from local_quote.quote_table import DirectionRows, Row
from local_quote.subscriptions import Subscriber, Subscriptions
from quote_core.errors import TooManyQuotes
from quote_core.tokens import load_tokens

SOL = load_tokens().resolve("SOL", field="symbol")
DIRECTION = DirectionRows(SOL, SOL)


def rows(count: int) -> list[Row]:
    return [Row(DIRECTION, amount) for amount in range(count)]


async def test_changes_wake_the_subscriber_with_its_own_rows_only() -> None:
    mine, other = rows(2)
    subscriber = Subscriber([(mine, 5)])
    waiting = asyncio.create_task(subscriber.changed(5.0))
    await asyncio.sleep(0)
    subscriber.mark([other])
    subscriber.mark([other, mine])
    assert await waiting == [mine]


async def test_a_row_that_changed_often_is_told_once_and_counted_as_conflated() -> None:
    first, second = rows(2)
    subscriber = Subscriber([(first, 0), (second, 1)])
    subscriber.mark([first])
    subscriber.mark([first, second])
    subscriber.mark([first])
    assert await subscriber.changed(5.0) == [first, second]
    assert subscriber.conflated_count == 2
    assert subscriber.take() == []


async def test_without_changes_the_wait_ends_empty() -> None:
    assert await Subscriber([]).changed(0.001) == []


def test_a_row_asked_for_twice_keeps_both_numbers() -> None:
    (row,) = rows(1)
    assert Subscriber([(row, 3), (row, 9)]).numbers == {row: (3, 9)}


async def test_everybody_present_is_told_and_nobody_who_left() -> None:
    (row,) = rows(1)
    stays, leaves = Subscriber([(row, 0)]), Subscriber([(row, 0)])
    subscriptions = Subscriptions(count_max=2)
    subscriptions.add(stays)
    subscriptions.add(leaves)
    subscriptions.remove(leaves)
    subscriptions.publish([row])
    assert (stays.take(), leaves.take()) == ([row], [])
    subscriptions.publish([row, row])
    assert subscriptions.conflated_count == stays.conflated_count


def test_there_is_a_last_place() -> None:
    subscriptions = Subscriptions(count_max=1)
    subscriptions.check_room()
    subscriptions.add(Subscriber([]))
    with pytest.raises(TooManyQuotes):
        subscriptions.check_room()
