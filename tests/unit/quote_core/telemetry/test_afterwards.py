import asyncio

from fakes.waiting import eventually

from quote_core.telemetry.afterwards import TOLD_COUNT_MAX, WAITING_COUNT_MAX, Afterwards, Told


async def test_what_is_noted_is_told_later_one_by_one_and_in_order():
    told: list[int] = []
    later = Afterwards(told.append)
    for number in range(3):
        later.note(number)
    assert told == []
    await eventually(lambda: len(told) == 3)
    later.note(3)
    await eventually(lambda: told == [0, 1, 2, 3])


async def test_of_more_than_can_wait_the_newest_are_told():
    told: list[int] = []
    later = Afterwards(told.append)
    for number in range(WAITING_COUNT_MAX + 5):
        later.note(number)
    await eventually(lambda: len(told) == WAITING_COUNT_MAX)
    await asyncio.sleep(0)
    assert told[0] == 5


def test_what_was_told_lately_is_not_new():
    told = Told()
    assert told.is_new(0)
    assert not told.is_new(0)
    for number in range(1, TOLD_COUNT_MAX + 1):
        told.is_new(number)
    assert told.is_new(0)
