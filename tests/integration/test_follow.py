"""Following a stream against a real server: all messages once, in order, whatever dies in between."""

import asyncio
from collections.abc import Callable

import pytest
from fakes.nats_server import NatsServer
from fakes.numbered_events import publish
from fakes.waiting import DEADLINE_S, eventually
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus
from quote_core.bus import follow as follow_module
from quote_core.bus.follow import Followed, Place, before_newest, first_kept, follow, read_to_end
from quote_core.events import Lifecycle, Stream, decode

pytestmark = pytest.mark.integration


def number_of(message: Followed) -> int:
    event = decode(message.data)
    assert isinstance(event, Lifecycle)
    return event.pid


async def collect(
    bus: Bus, into: list[Followed], *, after: Place | None = None, caught_up: asyncio.Event | None = None
) -> None:
    async for batch in follow(bus, Stream.SYSTEM, after=after, caught_up=caught_up):
        into += batch


async def test_what_is_kept_comes_first_then_what_is_published_meanwhile(bus: Bus) -> None:
    await publish(bus, 1, 2)
    got: list[Followed] = []
    task = asyncio.create_task(collect(bus, got))
    await eventually(lambda: len(got) == 2)
    await publish(bus, 3)
    await eventually(lambda: len(got) == 3)
    task.cancel()
    assert [number_of(message) for message in got] == [1, 2, 3]
    assert [message.sequence for message in got] == [1, 2, 3]


async def test_a_follower_in_no_hurry_gets_everything_in_order(bus: Bus) -> None:
    await publish(bus, *range(1, 11))
    got: list[Followed] = []
    caught_up = asyncio.Event()

    async def gather() -> None:
        async for batch in follow(bus, Stream.SYSTEM, caught_up=caught_up, gather_s=0.05):
            got.extend(batch)
            if len(got) == 60:
                return

    task = asyncio.create_task(gather())
    await caught_up.wait()
    await publish(bus, *range(11, 61))
    await asyncio.wait_for(task, DEADLINE_S)
    assert [number_of(message) for message in got] == list(range(1, 61))


async def test_beginning_behind_a_place_skips_what_is_before_it(bus: Bus) -> None:
    await publish(bus, 1, 2, 3)
    first, *_ = [message async for message in read_to_end(bus, Stream.SYSTEM)]
    got: list[Followed] = []
    task = asyncio.create_task(collect(bus, got, after=Place(first.created, first.sequence)))
    await eventually(lambda: len(got) == 2)
    task.cancel()
    assert [number_of(message) for message in got] == [2, 3]


async def test_the_oldest_message_kept_is_found_and_where_the_next_one_will_be_when_there_is_none(bus: Bus) -> None:
    await publish(bus, 1, 2, 3)
    for kept_count, sequence in ((3, 1), (1, 3), (0, 4)):
        await bus.jetstream.purge_stream(Stream.SYSTEM, keep=kept_count or None)
        place = await first_kept(bus, Stream.SYSTEM)
        assert place.sequence == sequence
        assert place.created == (await before_newest(bus, Stream.SYSTEM, 1)).created


async def test_the_newest_few_are_found_without_reading_what_is_before_them(bus: Bus) -> None:
    await publish(bus, 1, 2, 3)
    for count, wanted in ((2, [2, 3]), (50, [1, 2, 3])):
        got: list[Followed] = []
        task = asyncio.create_task(collect(bus, got, after=await before_newest(bus, Stream.SYSTEM, count)))
        await eventually(lambda got=got, wanted=wanted: len(got) == len(wanted))
        assert [number_of(message) for message in got] == wanted
        task.cancel()
    task = asyncio.create_task(collect(bus, got := [], after=await before_newest(bus, Stream.SYSTEM, 0)))
    await publish(bus, 4)
    await eventually(lambda: bool(got))
    assert [number_of(message) for message in got] == [4]
    task.cancel()


async def test_between_batches_of_a_long_stream_everything_else_has_its_turn(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manager reading a week of results answered no ping, and lost its connection again and again."""
    monkeypatch.setattr(follow_module, "BATCH_COUNT_MAX", 10)
    await publish(bus, *range(60))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def read() -> list[int]:
        seen: list[int] = []
        count = 0
        async for batch in follow(bus, Stream.SYSTEM):
            count += len(batch)
            seen.append(turns)
            if count == 60:
                break
            if len(seen) == 1:
                await asyncio.sleep(0.5)  # by now the rest has arrived, and could be had without waiting
        return seen

    counting = asyncio.create_task(count_turns())
    seen = await read()
    counting.cancel()
    assert len(seen) > 3
    assert len(set(seen)) == len(seen)


async def test_a_server_that_dies_and_comes_back_costs_no_message_and_repeats_none(
    nats_server: NatsServer, bus: Bus
) -> None:
    got: list[Followed] = []
    task = asyncio.create_task(collect(bus, got))
    await publish(bus, *range(1, 51))
    await nats_server.restart_under(bus)
    await publish(bus, *range(51, 101))
    await eventually(lambda: len(got) >= 100)
    task.cancel()
    assert [number_of(message) for message in got] == list(range(1, 101))


@pytest.mark.usefixtures("silence_is_short")
async def test_a_stream_made_anew_is_read_from_its_first_message(bus: Bus) -> None:
    await publish(bus, 1, 2, 3)
    got: list[Followed] = []
    task = asyncio.create_task(collect(bus, got))
    await eventually(lambda: len(got) == 3)
    await bus.jetstream.delete_stream(Stream.SYSTEM)
    await repair(bus, STREAMS)
    await publish(bus, 4)
    await eventually(lambda: len(got) == 4)
    task.cancel()
    assert (number_of(got[3]), got[3].sequence) == (4, 1)


async def test_reading_to_the_end_ends_also_when_nothing_is_kept(bus: Bus) -> None:
    async with asyncio.timeout(DEADLINE_S):
        assert [message async for message in read_to_end(bus, Stream.SYSTEM)] == []
        await publish(bus, *range(1, 3001))
        assert [number_of(message) async for message in read_to_end(bus, Stream.SYSTEM)] == list(range(1, 3001))


async def test_what_comes_before_a_gap_in_one_batch_is_given(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    await publish(bus, *range(1, 11))
    hear, held, is_lossy = bus.client.hear, list[Msg](), True

    async def hear_lossily(subject: str, take: Callable[[Msg], None]) -> Subscription:
        def receive(message: Msg) -> None:
            nonlocal is_lossy
            if not is_lossy or not message.reply.startswith("$JS.ACK"):
                take(message)
                return
            held.append(message)
            if len(held) == 10:  # all of one batch but the fifth, which the connection lost
                is_lossy = False
                for kept in held[:4] + held[5:]:
                    take(kept)

        return await hear(subject, receive)

    monkeypatch.setattr(bus.client, "hear", hear_lossily)
    got: list[Followed] = []
    task = asyncio.create_task(collect(bus, got))
    await eventually(lambda: bool(got) and number_of(got[-1]) == 10)
    task.cancel()
    assert [number_of(message) for message in got] == list(range(1, 11))


async def test_a_follower_of_a_stream_under_load_catches_up_with_what_was_kept_when_it_began(bus: Bus) -> None:
    await publish(bus, *range(1, 201))
    caught_up = asyncio.Event()
    got_by_then: list[int] = []
    number = 1_000

    async def follow_and_feed() -> None:
        """Each batch brings the next message, so that there is always one more behind it."""
        nonlocal number
        async for batch in follow(bus, Stream.SYSTEM, caught_up=caught_up):
            if caught_up.is_set():
                return
            got_by_then.extend(number_of(message) for message in batch)
            number += 1
            await publish(bus, number)

    async with asyncio.timeout(DEADLINE_S):
        await follow_and_feed()
    assert got_by_then[:200] == list(range(1, 201))


@pytest.mark.usefixtures("silence_is_short")
async def test_a_follower_of_nothing_has_caught_up_and_one_of_a_stream_made_anew_begins_again(bus: Bus) -> None:
    caught_up = asyncio.Event()
    got: list[Followed] = []
    task = asyncio.create_task(collect(bus, got, caught_up=caught_up))
    async with asyncio.timeout(DEADLINE_S):
        await caught_up.wait()
    await publish(bus, 1, 2)
    await eventually(lambda: len(got) == 2)
    await bus.jetstream.delete_stream(Stream.SYSTEM)
    await repair(bus, STREAMS)
    await publish(bus, 3)
    await eventually(lambda: len(got) == 3)
    async with asyncio.timeout(DEADLINE_S):
        await caught_up.wait()
    task.cancel()
