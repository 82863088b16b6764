import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest
from fakes.background import running
from fakes.market_events import market_events, slot_update
from fakes.nats_server import NatsServer
from fakes.pipeline_events import health_report, kill_switch
from fakes.pipeline_process import until
from fakes.results import result
from nats.aio.msg import Msg
from nats.js.api import DiscardPolicy
from structlog.testing import capture_logs

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus, Consumer, Stage, connect
from quote_core.bus.acknowledged import BATCH_MAX
from quote_core.bus.connection import PublishRefused
from quote_core.bus.follow import read_to_end
from quote_core.bus.register import append_if_last_is, write_if_newest_is
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.events import (
    KILL_SWITCH_HEARTBEAT,
    Event,
    KillSwitch,
    Lifecycle,
    Phase,
    ServiceHealth,
    Stream,
    TradingState,
    decode,
    derived_id,
    encode,
    stamp,
)

pytestmark = pytest.mark.integration


def lifecycle(number: int) -> Lifecycle:
    header = stamp(SYSTEM_CLOCK, event_id=derived_id("test", number))
    return Lifecycle(header=header, service="scanner", instance="1", phase=Phase.READY, pid=number, detail="")


def health_of(event: Event) -> ServiceHealth:
    assert isinstance(event, Lifecycle)
    header = stamp(SYSTEM_CLOCK, event_id=derived_id("health", event.header.event_id))
    return health_report(header=header, service="scanner", handled_count=event.pid)


CONSUMER = Consumer(stream=Stream.SYSTEM, name="tester", events=(Lifecycle,), ack_wait_ms=500, retry_count_max=3)


async def message_count(bus: Bus, stream: Stream) -> int:
    return (await bus.jetstream.stream_info(stream)).state.messages


async def test_an_event_is_taken_answered_published_and_acknowledged(bus: Bus) -> None:
    async def answer(event: Event) -> Sequence[Event]:
        return [health_of(event)]

    stage = Stage(bus, CONSUMER, answer)
    async with running(stage):
        await bus.publish(lifecycle(7))
        await until(lambda: stage.counts.answered == 1)
    assert await message_count(bus, Stream.METRICS) == 1
    kept = await bus.jetstream.get_last_msg(Stream.METRICS, "metrics.health.scanner")
    assert kept.headers is not None
    assert kept.headers["Nats-Msg-Id"] == derived_id("health", derived_id("test", 7)).hex()
    info = await bus.jetstream.consumer_info(Stream.SYSTEM, "tester")
    assert (info.num_ack_pending, info.num_pending) == (0, 0)


async def test_the_same_event_published_twice_is_kept_once(bus: Bus) -> None:
    await bus.publish(lifecycle(1))
    await bus.publish(lifecycle(1))
    assert await message_count(bus, Stream.SYSTEM) == 1


async def test_what_is_no_event_becomes_a_dead_letter_with_its_reason(bus: Bus) -> None:
    async def answer(_: Event) -> Sequence[Event]:
        return []

    stage = Stage(bus, CONSUMER, answer)
    async with running(stage):
        await bus.publish_bytes("system.lifecycle.scanner", b"not an event at all", {})
        await until(lambda: stage.counts.dead == 1)
    letter = await bus.jetstream.get_last_msg(Stream.DEAD_LETTERS, "dead.SYSTEM.tester")
    assert letter.data == b"not an event at all"
    assert letter.headers is not None
    assert letter.headers["Solquote-Subject"] == "system.lifecycle.scanner"
    assert "not a known family" in letter.headers["Solquote-Reason"]


async def test_an_event_whose_answer_raises_is_buried_and_the_next_one_is_answered(bus: Bus) -> None:
    async def answer(event: Event) -> Sequence[Event]:
        assert isinstance(event, Lifecycle)
        if event.pid == 1:
            raise ZeroDivisionError("one by none")
        return []

    stage = Stage(bus, replace(CONSUMER, ack_wait_ms=60_000), answer)  # logging a traceback takes its time
    async with running(stage):
        await bus.publish(lifecycle(1))
        await bus.publish(lifecycle(2))
        await until(lambda: stage.counts.answered == 1)
    assert stage.counts.dead == 1


async def test_an_unavailable_neighbour_is_tried_again_until_the_bound_and_then_buried(bus: Bus) -> None:
    tried = []

    async def answer(event: Event) -> Sequence[Event]:
        tried.append(event)
        raise ProviderUnavailable("local_quote", "away")

    stage = Stage(bus, CONSUMER, answer)
    async with running(stage):
        await bus.publish(lifecycle(1))
        await until(lambda: stage.counts.dead == 1)
    assert len(tried) == CONSUMER.retry_count_max
    letter = await bus.jetstream.get_last_msg(Stream.DEAD_LETTERS, "dead.SYSTEM.tester")
    assert letter.headers is not None
    assert letter.headers["Solquote-Reason"] == "gave up after 3 tries"


async def test_an_answer_waits_for_a_stream_without_a_leader_and_is_no_dead_letter(bus: Bus) -> None:
    """For longer than all tries of the message; a stream that is not there is told of in the same way."""
    tried = []

    async def answer(event: Event) -> Sequence[Event]:
        tried.append(event)
        return [health_of(event)]

    config = (await bus.jetstream.stream_info(Stream.METRICS)).config
    await bus.jetstream.delete_stream(Stream.METRICS)
    stage = Stage(bus, CONSUMER, answer)
    async with running(stage):
        await bus.publish(lifecycle(1))
        await until(lambda: bus.refused_count > 2 * CONSUMER.retry_count_max)
        await bus.jetstream.add_stream(config)
        await until(lambda: stage.counts.answered == 1)
    assert (stage.counts.dead, stage.counts.retried) == (0, 0)
    assert await message_count(bus, Stream.METRICS) == 1


async def test_nothing_acknowledged_is_lost_when_nats_is_killed_and_comes_back(
    nats_server: NatsServer, bus: Bus
) -> None:
    seen: set[int] = set()

    async def answer(event: Event) -> Sequence[Event]:
        assert isinstance(event, Lifecycle)
        seen.add(event.pid)
        return [health_of(event)]

    stage = Stage(bus, CONSUMER, answer, concurrency=4)
    async with running(stage):
        for number in range(50):
            await bus.publish(lifecycle(number))
        nats_server.stop()
        await until(lambda: not bus.is_connected)
        with pytest.raises(ProviderUnavailable):
            await bus.publish(lifecycle(50))
        nats_server.start()
        await until(lambda: bus.is_connected)
        await repair(bus, STREAMS)  # METRICS lives in memory
        await bus.publish(lifecycle(50))
        await until(lambda: seen == set(range(51)))
        assert await message_count(bus, Stream.SYSTEM) == 51


async def test_a_stage_survives_the_loss_of_its_stream_and_consumer(bus: Bus) -> None:
    seen = []

    async def answer(event: Event) -> Sequence[Event]:
        seen.append(event)
        return []

    async with running(Stage(bus, CONSUMER, answer)):
        await bus.publish(lifecycle(1))
        await until(lambda: len(seen) == 1)
        await bus.jetstream.delete_stream(Stream.SYSTEM)
        await repair(bus, STREAMS)
        await bus.publish(lifecycle(2))
        await until(lambda: len(seen) == 2)


async def test_a_push_reaches_listeners_and_is_kept_nowhere(bus: Bus) -> None:
    heard: list[Event] = []
    await bus.listen(KILL_SWITCH_HEARTBEAT, heard.append)
    sent = kill_switch(TradingState.HALTED, 1)
    await bus.push(sent, subject=KILL_SWITCH_HEARTBEAT)
    await until(lambda: heard)
    assert heard == [sent]
    assert await message_count(bus, Stream.SYSTEM) == 0


async def test_what_is_heard_is_what_was_sent_until_nobody_wants_it_any_more(bus: Bus, nats_server: NatsServer) -> None:
    heard: list[Msg] = []
    subscription = await bus.client.hear("heard.*", heard.append)
    await bus.client.publish("heard.first", b"1", reply="there", headers={"Solquote-Reason": "why"})
    await bus.client.publish("heard.second", b"2")
    await until(lambda: len(heard) == 2)
    assert [(one.subject, one.reply, one.data, one.headers) for one in heard] == [
        ("heard.first", "there", b"1", {"Solquote-Reason": "why"}),
        ("heard.second", "", b"2", None),
    ]
    await nats_server.restart_under(bus)
    await bus.client.publish("heard.third", b"3")
    await until(lambda: len(heard) == 3)
    await subscription.unsubscribe()
    await bus.client.publish("heard.fourth", b"4")
    await bus.client.flush()
    assert len(heard) == 3


async def test_the_last_kill_switch_is_latched_in_its_stream_and_pushed_to_listeners(bus: Bus) -> None:
    assert await bus.last(KillSwitch) is None
    heard: list[Event] = []
    await bus.listen("system.kill_switch", heard.append)
    first, second = kill_switch(TradingState.HALTED, 1), kill_switch(TradingState.ACTIVE, 2)
    await bus.publish(first)
    await bus.publish(second)
    await until(lambda: len(heard) == 2)
    assert heard == [first, second]
    assert await bus.last(KillSwitch) == second


async def test_connecting_waits_for_a_server_that_is_not_there_yet(nats_server: NatsServer) -> None:
    url = nats_server.url
    nats_server.stop()
    async with asyncio.TaskGroup() as tasks:

        async def use() -> bool:
            async with connect(url, name="early") as bus:
                return bus.is_connected

        connecting = tasks.create_task(use())
        await asyncio.sleep(0)
        assert not connecting.done()
        nats_server.start()
    assert connecting.result()


async def test_a_write_whose_confirmation_was_lost_counts_as_written_when_it_is_written_again(bus: Bus) -> None:
    config = (await bus.jetstream.stream_info(Stream.EXECUTED)).config
    await bus.jetstream.update_stream(config.evolve(duplicate_window=0.1))
    sequence = await write_if_newest_is(bus, result(1), sequence=0)
    assert sequence is not None
    assert await write_if_newest_is(bus, result(1), sequence=0) == sequence
    await asyncio.sleep(0.3)  # past the duplicate window
    assert await write_if_newest_is(bus, result(1), sequence=0) == sequence
    assert await write_if_newest_is(bus, result(2), sequence=0) is None


async def test_an_append_behind_an_unconfirmed_one_is_refused_with_it_whatever_took_its_sequence(bus: Bus) -> None:
    first, second, third, other = (lifecycle(number) for number in range(4))
    last = (await bus.jetstream.stream_info(Stream.SYSTEM)).state.last_seq
    assert await append_if_last_is(bus, first, sequence=last) == last + 1
    assert await append_if_last_is(bus, second, sequence=last + 1, after=first) == last + 2
    assert await append_if_last_is(bus, other, sequence=last + 2) == last + 3  # where the third was to be
    fourth = lifecycle(4)
    assert await append_if_last_is(bus, third, sequence=last + 2, after=second) is None
    assert await append_if_last_is(bus, fourth, sequence=last + 3, after=third) is None
    assert await append_if_last_is(bus, fourth, sequence=last + 3, after=other) == last + 4
    assert bus.refused_count == 0  # these were answers


async def test_another_event_with_the_same_id_does_not_count_as_written(bus: Bus) -> None:
    assert await write_if_newest_is(bus, result(1), sequence=0) is not None
    assert result(2).header.event_id == result(1).header.event_id
    assert await write_if_newest_is(bus, result(2), sequence=0) is None


async def filled(bus: Bus) -> None:
    config = (await bus.jetstream.stream_info(Stream.SYSTEM)).config
    await bus.jetstream.update_stream(config.evolve(max_msgs=1, discard=DiscardPolicy.NEW))
    await bus.publish(lifecycle(0))


async def test_a_batch_is_stored_whole_in_its_order_and_once(bus: Bus) -> None:
    batch = [slot_update(slot) for slot in range(1, 101)]
    await bus.publish_batch(batch)
    await bus.publish_batch(batch)
    await bus.publish_batch([])
    kept = [decode(message.data) async for message in read_to_end(bus, Stream.MARKET_DATA)]
    assert kept == batch


async def test_a_batch_longer_than_the_server_takes_goes_in_several(bus: Bus) -> None:
    events = [slot_update(slot) for slot in range(1, 2 * BATCH_MAX + 2)]
    await bus.publish_batch(events)
    assert [decode(message.data) async for message in read_to_end(bus, Stream.MARKET_DATA)] == events


async def test_of_a_batch_some_of_which_was_stored_the_rest_is_stored(bus: Bus) -> None:
    batch = [slot_update(slot) for slot in range(1, 11)]
    await bus.publish_batch(batch[:4])
    await bus.publish_batch(batch)
    assert [decode(message.data) async for message in read_to_end(bus, Stream.MARKET_DATA)] == batch
    assert bus.refused_count == 0


async def test_a_batch_of_which_one_message_is_refused_is_refused_whole_and_told(bus: Bus) -> None:
    config = (await bus.jetstream.stream_info(Stream.MARKET_DATA)).config
    short, long = slot_update(1), market_events()[0]
    size_max = len(encode(short)) + 200  # with its headers, which the longer one does not fit in with
    await bus.jetstream.update_stream(config.evolve(max_msg_size=size_max))
    with pytest.raises(PublishRefused, match=r"the stream of market\.slot refuses: atomic publish batch is incomplete"):
        await bus.publish_batch([short, long, slot_update(2)])
    assert [message async for message in read_to_end(bus, Stream.MARKET_DATA)] == []


async def test_a_stream_that_takes_no_batches_says_so(bus: Bus) -> None:
    config = (await bus.jetstream.stream_info(Stream.MARKET_DATA)).config
    await bus.jetstream.update_stream(config.evolve(allow_atomic=False))
    with pytest.raises(PublishRefused, match=r"the stream of market\.slot refuses: atomic publish is disabled"):
        await bus.publish_batch([slot_update(1), slot_update(2)])
    assert bus.refused_count == 1


async def test_a_batch_that_no_stream_keeps_is_told(bus: Bus) -> None:
    await bus.jetstream.delete_stream(Stream.MARKET_DATA)
    with pytest.raises(ProviderUnavailable, match=r"no stream keeps market\.slot"):
        await bus.publish_batch([slot_update(1), slot_update(2)])


async def test_of_many_on_their_way_each_is_answered_by_itself(bus: Bus) -> None:
    async def published(number: int) -> int | str:
        if number % 3 == 2:
            with pytest.raises(ProviderUnavailable, match="no stream keeps nowhere"):
                await bus.publish_bytes(f"nowhere.{number}", b"", {})
            return "refused"
        acknowledged = await bus.publish_bytes("system.lifecycle.scanner", encode(lifecycle(number)), {})
        return acknowledged.sequence

    answers = await asyncio.gather(*(published(number) for number in range(30)))
    assert answers == [number // 3 * 2 + number % 3 + 1 if number % 3 < 2 else "refused" for number in range(30)]


async def test_a_message_the_stream_has_by_its_id_is_told_as_one_it_had(bus: Bus) -> None:
    first, again = [await bus.publish_bytes("system.lifecycle.scanner", b"", {"Nats-Msg-Id": "one"}) for _ in "12"]
    assert (first.is_duplicate, again.is_duplicate) == (False, True)
    assert again.sequence == first.sequence


@pytest.mark.parametrize(
    ("spoil", "attempt", "reason"),
    [
        (filled, lambda bus: bus.publish(lifecycle(1)), "system.lifecycle.scanner refuses: maximum messages exceeded"),
        (None, lambda bus: bus.publish_bytes("nowhere.at.all", b"", {}), "no stream keeps nowhere.at.all now"),
        (None, lambda bus: bus.publish_bytes("system.stop", b"x" * 2**21, {}), "larger than the server takes"),
        (filled, lambda bus: write_if_newest_is(bus, lifecycle(1), sequence=1), "maximum messages exceeded"),
    ],
    ids=["a full stream", "no stream", "too large", "a full stream behind a register"],
)
async def test_what_a_stream_refuses_is_heard_counted_and_told_once(
    bus: Bus, spoil: Callable[[Bus], Awaitable[None]] | None, attempt: Callable[[Bus], Awaitable[object]], reason: str
) -> None:
    if spoil is not None:
        await spoil(bus)
    with capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(ProviderUnavailable, match=reason):
                await attempt(bus)
    assert bus.refused_count == 2
    assert reason in bus.last_refusal
    assert [entry["log_level"] for entry in logs if reason in entry.get("error", "")] == ["error"]


async def test_an_answer_that_a_stream_refuses_is_tried_again_and_told(bus: Bus) -> None:
    """Nothing that was taken is lost: the stage hands it back until the stream has room."""
    config = (await bus.jetstream.stream_info(Stream.METRICS)).config
    await bus.jetstream.update_stream(config.evolve(max_msg_size=1))

    async def answer(event: Event) -> Sequence[Event]:
        return [health_of(event)]

    stage = Stage(bus, replace(CONSUMER, retry_count_max=1_000), answer)
    async with running(stage):
        await bus.publish(lifecycle(1))
        await until(lambda: stage.counts.retried >= 2)
        assert bus.refused_count >= 2
        await bus.jetstream.update_stream(config)
        await until(lambda: stage.counts.answered == 1)
    assert await message_count(bus, Stream.METRICS) == 1
