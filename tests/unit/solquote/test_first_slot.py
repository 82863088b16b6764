"""A node's first slot: told once it is there, and every way in which none comes ends the wait."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientError, web
from fakes.ports import free_port
from fakes.waiting import DEADLINE_S, eventually

from solquote.first_slot import FirstSlot

SLOT = {"method": "slotNotification", "params": {"result": {"slot": 9}}}


@asynccontextmanager
async def node(*messages: object, stays: bool = False) -> AsyncIterator[tuple[str, list[str]]]:
    """A WebSocket that sends these once it was asked for something; its URL, and what it was asked."""
    asked: list[str] = []
    over = asyncio.Event()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        asked.append(json.loads(await response.receive_str())["method"])
        for message in messages:
            await response.send_str(json.dumps(message))
        if stays:
            await over.wait()
        await response.close()
        return response

    application = web.Application()
    application.add_routes([web.get("/", serve)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        over.set()
        await runner.cleanup()


async def test_it_is_under_way_before_anybody_waits_for_it():
    async with node({"id": 1, "result": 0}, SLOT) as (url, asked):
        first = FirstSlot(url, timeout_s=DEADLINE_S)
        await eventually(lambda: bool(asked))
        assert await first.slot() == 9
    assert asked == ["slotSubscribe"]
    assert await first.slot() == 9


@pytest.mark.parametrize("messages", [(), ({"id": 1, "result": 0},)])
async def test_a_node_that_hangs_up_before_has_told_none(messages: Sequence[object]):
    async with node(*messages) as (url, _):
        assert await FirstSlot(url, timeout_s=DEADLINE_S).slot() is None


async def test_a_node_that_says_nothing_is_waited_for_no_longer_than_allowed():
    async with node(stays=True) as (url, _):
        with pytest.raises(TimeoutError):
            await FirstSlot(url, timeout_s=0.05).slot()


@pytest.mark.parametrize("url", ["ws://127.0.0.1:{port}", "ws://127.0.0.1:{port}x", "nonsense"])
async def test_nobody_there_and_no_address_are_raised_where_it_is_waited_for(url: str):
    with pytest.raises((ClientError, ValueError)):
        await FirstSlot(url.format(port=free_port()), timeout_s=DEADLINE_S).slot()


@pytest.mark.parametrize("content", [{"method": "slotNotification"}, {"method": "slotNotification", "params": 5}, []])
async def test_what_is_no_slot_is_raised_as_a_value_that_is_wrong(content: object):
    async with node(content) as (url, _):
        with pytest.raises(ValueError, match="not a message of a node"):
            await FirstSlot(url, timeout_s=DEADLINE_S).slot()
