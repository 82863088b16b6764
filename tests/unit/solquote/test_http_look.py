"""One request to this machine: what comes back, and what is no answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from solquote.http_exchange import NoHttpAnswer
from solquote.http_look import http_answer


@contextlib.asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Its URL, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.splitlines() if line.startswith(b"Content-Length:")), 0)
        asked.append(head + await reader.readexactly(length))
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", asked


async def test_a_get_brings_status_and_content():
    async with server(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nall\r\n\r\nof it") as (url, asked):
        assert await http_answer(f"{url}/a/b?c=d&e=f") == (200, b"all\r\n\r\nof it")
    assert asked[0].startswith(b"GET /a/b?c=d&e=f HTTP/1.0\r\nHost: 127.0.0.1:")


async def test_a_body_makes_it_a_post_of_json():
    async with server(b"HTTP/1.0 503 No\r\n\r\n") as (url, asked):
        assert await http_answer(url, b"{}") == (503, b"")
    assert asked[0].startswith(b"POST / HTTP/1.0\r\n")
    assert b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" in asked[0]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 what\r\n\r\n"])
async def test_what_does_not_speak_http_is_no_answer(answer: bytes):
    async with server(answer) as (url, _):
        with pytest.raises(NoHttpAnswer):
            await http_answer(url)


async def test_nobody_there_is_the_systems_error():
    async with server(b"") as (url, _):
        pass
    with pytest.raises(ConnectionRefusedError):
        await http_answer(url)
