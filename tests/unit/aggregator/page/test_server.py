"""The page's stream with panels of a test's own, over real sockets."""

import asyncio
import itertools
import socket
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from fakes.fake_clock import FakeClock
from fakes.ports import free_port
from fakes.waiting import DEADLINE_S, eventually
from structlog.testing import LogCapture

from aggregator.page.board import Board
from aggregator.page.server import Page, Panel
from aggregator.page.switch import ManagerSwitch
from quote_core.serving import serve_http


def served(*panels: Panel, send_s_max: float = DEADLINE_S) -> AbstractAsyncContextManager[tuple[Page, int]]:
    """A page with these panels, and its port, while the context lasts."""
    return _served(panels, send_s_max)


@asynccontextmanager
async def _served(panels: Sequence[Panel], send_s_max: float) -> Any:
    page = Page(
        panels,
        ManagerSwitch(f"127.0.0.1:{free_port()}"),
        version="1",
        amounts=(1,),
        size=0,
        hosts=(),
        viewer_count_max=5,
        clock=FakeClock(),
        send_s_max=send_s_max,
        linger_s=0.01,
    )
    application = web.Application()
    application.add_routes(page.routes())
    working = asyncio.create_task(page.run())
    async with serve_http(application, host="127.0.0.1", port=0) as port:
        yield page, port
        page.close()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


class Flood:
    """More than any socket holds, again and again."""

    async def run(self, board: Board) -> None:
        for number in itertools.count():
            board.put("flood", {"number": number, "text": "x" * 1_000_000})
            await asyncio.sleep(0.001)


class Broken:
    def __init__(self) -> None:
        self.begun = 0

    async def run(self, board: Board) -> None:
        self.begun += 1
        raise ZeroDivisionError("this panel is broken")


class Counting:
    async def run(self, board: Board) -> None:
        for number in itertools.count():
            board.put("count", {"number": number})
            await asyncio.sleep(0.001)


async def test_a_browser_that_takes_nothing_is_sent_away() -> None:
    async with served(Flood(), send_s_max=0.05) as (page, port):
        with socket.create_connection(("127.0.0.1", port)) as browser:
            browser.sendall(b"GET /page/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await eventually(lambda: len(page.board) == 1)
            await eventually(lambda: len(page.board) == 0)


async def test_a_panel_that_fails_is_told_in_the_log_and_costs_no_other_one() -> None:
    told = LogCapture()
    structlog.configure(processors=[told])
    broken = Broken()
    async with (
        served(broken, Counting()) as (_, port),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        session.get("/page/live") as answer,
        asyncio.timeout(DEADLINE_S),
    ):
        seen = 0
        async for line in answer.content:
            seen += line == b"event: count\n"
            if seen > 2 and broken.begun:
                break
    (failure,) = [entry for entry in told.entries if entry["event"] == "a panel of the page failed"]
    assert (failure["panel"], failure["log_level"]) == ("Broken", "error")


async def test_the_work_ends_with_the_last_viewer_and_what_was_shown_is_not_shown_again() -> None:
    ended = asyncio.Event()

    class Noting:
        async def run(self, board: Board) -> None:
            board.put("once", {"told": True})
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    async with served(Noting()) as (page, port):
        with socket.create_connection(("127.0.0.1", port)) as browser:
            browser.sendall(b"GET /page/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await eventually(lambda: len(page.board) == 1)
            assert not ended.is_set()
        await eventually(ended.is_set)
        assert len(page.board) == 0
