import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog
from fakes.held_quotes import KEY
from fakes.waiting import eventually

from aggregator.upstream import Upstream
from quote_core.errors import LayoutMismatch
from quote_core.resilience import Backoff

SILENCE_NS_MAX = 60_000_000_000
DAMAGED = "damaged"


class Streams:
    """Opens streams the test feeds and ends; a request is what `wanted` said."""

    def __init__(self) -> None:
        self.wanted: str | None = "first"
        self.opened: list[str] = []
        self.open: list[str] = []
        self.queues: dict[str, asyncio.Queue[str | None]] = {}
        self.received: list[str] = []

    def queue(self, request: str) -> "asyncio.Queue[str | None]":
        return self.queues.setdefault(request, asyncio.Queue())

    async def receive(self, message: str) -> None:
        if message == DAMAGED:
            raise LayoutMismatch("message", "is damaged")
        self.received.append(message)

    async def stub(self, request: str) -> AsyncIterator[str]:
        self.opened.append(request)
        self.open.append(request)
        try:
            while (message := await self.queue(request).get()) is not None:
                yield message
        finally:
            self.open.remove(request)


@pytest.fixture
def streams() -> Streams:
    return Streams()


@pytest.fixture
async def upstream(streams: Streams) -> AsyncIterator[Upstream]:
    upstream = Upstream(
        name="local",
        stub=streams.stub,
        wanted=lambda: streams.wanted,
        sink=streams.receive,
        silence_ns_max=SILENCE_NS_MAX,
        backoff=Backoff(first_ns=1_000_000, pause_ns_max=1_000_000),
        log=structlog.get_logger(),
    )
    task = asyncio.create_task(upstream.run())
    yield upstream
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled(), "the upstream must end only because the test does"
    assert streams.open == []


async def test_messages_reach_the_sink(streams: Streams, upstream: Upstream) -> None:
    await streams.queue("first").put("a")
    await eventually(lambda: streams.received == ["a"])
    assert upstream.is_delivering.is_set()


async def test_old_stream_is_dropped_only_when_the_new_one_has_delivered(streams: Streams, upstream: Upstream) -> None:
    await streams.queue("first").put("a")
    await eventually(lambda: streams.received == ["a"])
    streams.wanted = "second"
    upstream.row_added(0, KEY)
    await eventually(lambda: streams.open == ["first", "second"])
    await streams.queue("first").put("b")
    await eventually(lambda: streams.received == ["a", "b"])
    await streams.queue("second").put("c")
    await eventually(lambda: streams.open == ["second"])
    assert streams.received == ["a", "b", "c"]
    assert upstream.is_delivering.is_set()


async def test_burst_of_row_changes_opens_one_stream(streams: Streams, upstream: Upstream) -> None:
    await eventually(lambda: streams.open == ["first"])
    streams.wanted = "second"
    for _ in range(50):
        upstream.row_added(0, KEY)
        upstream.row_removed(0, KEY)
    await streams.queue("second").put("c")
    await eventually(lambda: streams.open == ["second"])
    assert streams.opened == ["first", "second"]


async def test_rows_that_change_during_a_change_are_not_forgotten(streams: Streams, upstream: Upstream) -> None:
    await eventually(lambda: streams.open == ["first"])
    streams.wanted = "second"
    upstream.reopen()
    await eventually(lambda: "second" in streams.open)
    streams.wanted = "third"
    upstream.reopen()
    await streams.queue("second").put("b")
    await eventually(lambda: "third" in streams.open)
    await streams.queue("third").put("c")
    await eventually(lambda: streams.open == ["third"])


async def test_ended_stream_is_opened_again_and_not_delivering_meanwhile(streams: Streams, upstream: Upstream) -> None:
    await streams.queue("first").put("a")
    await eventually(upstream.is_delivering.is_set)
    await streams.queue("first").put(None)
    await eventually(lambda: streams.opened == ["first", "first"])
    assert not upstream.is_delivering.is_set()
    assert upstream.reconnect_count == 1
    await streams.queue("first").put("b")
    await eventually(upstream.is_delivering.is_set)


async def test_message_that_cannot_be_read_ends_the_stream_which_is_opened_again(
    streams: Streams, upstream: Upstream
) -> None:
    await streams.queue("first").put("a")
    await eventually(upstream.is_delivering.is_set)
    await streams.queue("first").put(DAMAGED)
    await eventually(lambda: streams.opened == ["first", "first"])
    assert upstream.reconnect_count == 1
    await streams.queue("first").put("b")
    await eventually(lambda: streams.received == ["a", "b"])


async def test_nothing_is_opened_while_no_row_is_wanted(streams: Streams, upstream: Upstream) -> None:
    await eventually(lambda: streams.open == ["first"])
    streams.wanted = None
    upstream.reopen()
    await eventually(lambda: streams.open == [])
    streams.wanted = "second"
    upstream.reopen()
    await eventually(lambda: streams.open == ["second"])


async def test_silent_stream_is_closed_and_opened_anew_and_is_not_delivering_meanwhile(streams: Streams) -> None:
    upstream = Upstream(
        name="local",
        stub=streams.stub,
        wanted=lambda: "first",
        sink=streams.receive,
        silence_ns_max=50_000_000,
        backoff=Backoff(first_ns=1_000_000, pause_ns_max=1_000_000),
        log=structlog.get_logger(),
    )
    await streams.queue("first").put("a")
    task = asyncio.create_task(upstream.run())
    try:
        await eventually(lambda: streams.received == ["a"] and upstream.is_delivering.is_set())
        await eventually(lambda: len(streams.opened) > 1)
        assert not upstream.is_delivering.is_set()
        assert len(streams.open) <= 1
        await streams.queue("first").put("b")
        await eventually(lambda: streams.received == ["a", "b"])
    finally:
        task.cancel()
        await asyncio.wait({task})
