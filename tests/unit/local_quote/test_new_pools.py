"""Subscriptions to new pools, on a node that tells of programs and on one that does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from fakes.endpoints import endpoints_at
from fakes.fake_clock import FakeClock
from fakes.held_market import REGISTRY
from fakes.solana_node import SolanaNode
from fakes.waiting import DEADLINE_S
from structlog.testing import capture_logs

from local_quote.discovery import DiscoveryCounts, questions_of
from local_quote.new_pools import NewPools
from quote_core.units import Pubkey

QUESTIONS = questions_of(REGISTRY.pairs)[:3]


@pytest.fixture
async def node() -> AsyncIterator[SolanaNode]:
    node = SolanaNode()
    await node.start()
    yield node
    await node.stop()


class Listening:
    """New pools on a node, and what was heard."""

    def __init__(self) -> None:
        self.counts = DiscoveryCounts()
        self.heard: asyncio.Queue[Pubkey] = asyncio.Queue()


@asynccontextmanager
async def listening(node: SolanaNode) -> AsyncIterator[Listening]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = Listening()
        new_pools = NewPools(
            endpoints=endpoints_at(node.http_url, session=session, clock=FakeClock()),
            questions=QUESTIONS,
            commitment="processed",
            counts=made.counts,
            on_seen=made.heard.put_nowait,
        )
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        task = tasks.create_task(new_pools.run())
        try:
            yield made
        finally:
            task.cancel()


async def until(node: SolanaNode, count: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while len(node.requests) < count:  # noqa: ASYNC110 - the node is a fake without an event for it
            await asyncio.sleep(0.01)


async def test_each_question_is_subscribed_to_and_addresses_alone_are_asked_for(node: SolanaNode) -> None:
    async with listening(node) as made:
        await until(node, len(QUESTIONS))
        for (method, params), question in zip(node.requests, QUESTIONS, strict=True):
            assert method == "programSubscribe"
            assert params[0] == question.program_id
            assert params[1]["filters"] == question.rpc_filters()
            assert params[1]["dataSlice"] == {"offset": 0, "length": 0}
        await node.notify_program("new")
        async with asyncio.timeout(DEADLINE_S):
            assert await made.heard.get() == "new"
    assert made.counts.follow_refused_count == 0


async def test_a_node_that_refuses_is_told_of_once(node: SolanaNode) -> None:
    node.refuses_programs = True
    with capture_logs() as logs:
        async with listening(node) as made, asyncio.timeout(DEADLINE_S):
            while made.counts.follow_refused_count < len(QUESTIONS):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert [entry["event"] for entry in logs] == ["new pools are found by searching alone"]


async def test_a_connection_that_ends_is_made_anew(node: SolanaNode) -> None:
    async with listening(node) as made:
        await until(node, len(QUESTIONS))
        node.program_listeners.clear()
        await node.drop_sockets()
        await until(node, 2 * len(QUESTIONS))
        await node.notify_program("new")
        async with asyncio.timeout(DEADLINE_S):
            assert await made.heard.get() == "new"
