"""Clients that say nothing, half of something, or nonsense: each loses its connection, and the log stays short."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from fakes.waiting import DEADLINE_S

from quote_core.errors import ProviderUnavailable
from quote_core.serving import HttpPatience, serve_http

SOON_S = 0.2
"""The patience in a test that waits for its end; any other test must not meet it on a slow machine."""


@contextlib.asynccontextmanager
async def serving(patience: HttpPatience) -> AsyncIterator[int]:
    async def length(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    async def broken(_: web.Request) -> web.Response:
        raise ZeroDivisionError

    application = web.Application()
    application.add_routes([web.post("/length", length), web.get("/broken", broken)])
    async with serve_http(application, host="127.0.0.1", port=0, patience=patience) as port:
        yield port


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving(HttpPatience(first_request_s=DEADLINE_S, body_s=DEADLINE_S, idle_s=SOON_S)) as port:
        yield port


async def answer_to(port: int, said: bytes) -> bytes:
    """All that the server says until it hangs up, be it by a reset because it left something unread."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        writer.write(said)
        async with asyncio.timeout(DEADLINE_S):
            with contextlib.suppress(ConnectionResetError):
                while part := await reader.read(65_536):
                    answer += part
        return answer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("said", [b"", b"POST /len", b"POST /length HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_connection_without_a_whole_request_is_closed(said: bytes) -> None:
    async with serving(HttpPatience(first_request_s=SOON_S)) as port:
        assert await answer_to(port, said) == b""


async def test_a_body_that_does_not_come_is_answered_with_408() -> None:
    async with serving(HttpPatience(body_s=SOON_S, idle_s=SOON_S)) as port:
        answer = await answer_to(port, b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
    assert answer.startswith(b"HTTP/1.1 408 the body did not come within 0.2 s\r\n")


async def test_a_connection_is_closed_when_it_is_idle_after_an_answer(port: int) -> None:
    answer = await answer_to(port, b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"4")


@pytest.mark.parametrize(
    "said", [b"\x00\xff\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n"]
)
async def test_nonsense_is_answered_with_400_and_not_logged(
    port: int, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await answer_to(port, said)).startswith(b"HTTP/1.0 400 ")
    assert caplog.records == []


async def test_a_client_that_leaves_in_the_middle_of_a_body_is_not_logged(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
    await writer.drain()
    writer.transport.abort()
    await answer_to(port, b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour")
    assert caplog.records == []


async def test_a_broken_body_is_answered_with_400_and_not_logged(port: int, caplog: pytest.LogCaptureFixture) -> None:
    chunked = b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers = await answer_to(port, chunked + b"zz\r\n")
    assert b" 400 " in answers.partition(b"\r\n")[0]
    assert caplog.records == []


async def test_a_fault_of_our_own_is_logged(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/broken") as response:
            assert response.status == 500
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [ZeroDivisionError]


async def test_a_taken_port_is_named(port: int) -> None:
    with pytest.raises(ProviderUnavailable, match=f"127.0.0.1:{port}"):
        async with serve_http(web.Application(), host="127.0.0.1", port=port):
            pass
