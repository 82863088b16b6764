"""Answers to pages of other origins and to clients that unpack, over real sockets."""

import gzip
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from quote_core.serving import compressed, serve_http, shared_with
from quote_core.serving.http_manners import COMPRESSED_BYTES_MIN, accepts_gzip

APP = "https://app.example"
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
LONG = "x" * COMPRESSED_BYTES_MIN


@asynccontextmanager
async def served(origins: Collection[str]) -> AsyncIterator[aiohttp.ClientSession]:
    async def size(request: web.Request) -> web.Response:
        return web.Response(text="x" * int(request.query["size"]))

    application = web.Application(middlewares=[shared_with(origins), compressed])
    application.add_routes([web.get("/", size)])
    async with (
        serve_http(application, host="127.0.0.1", port=0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", auto_decompress=False) as session,
    ):
        yield session


@pytest.mark.parametrize(
    ("origins", "allowed", "vary"),
    [((APP,), APP, "Origin"), (("*",), "*", None), (("https://other.example",), None, None)],
)
async def test_an_answer_is_readable_for_the_origins_that_are_set(
    origins: Collection[str], allowed: str | None, vary: str | None
) -> None:
    async with served(origins) as session, session.get("/?size=1", headers={"Origin": APP}) as answer:
        assert answer.status == 200
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        assert vary is None or answer.headers["Vary"] == vary
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_preflight_is_answered_for_them_and_refused_for_others() -> None:
    async with served((APP,)) as session:
        async with session.options("/", headers=PREFLIGHT) as answer:
            assert answer.status == 204
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]
            assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type, Authorization, X-API-Key"
        async with session.options("/", headers=PREFLIGHT | {"Origin": "https://evil.example"}) as answer:
            assert answer.status == 405
            assert "Access-Control-Allow-Origin" not in answer.headers


async def test_without_origins_nothing_is_said_about_them() -> None:
    async with served(()) as session, session.get("/?size=1", headers={"Origin": APP}) as answer:
        assert not {name for name in answer.headers if name.startswith("Access-Control") or name == "Vary"}


async def test_a_long_answer_is_compressed_for_whoever_accepts_it() -> None:
    async with served(()) as session:
        for size, accepted, is_packed in ((len(LONG), "gzip", True), (10, "gzip", False), (len(LONG), "br", False)):
            async with session.get(f"/?size={size}", headers={"Accept-Encoding": accepted}) as answer:
                body = await answer.read()
            assert (answer.headers.get("Content-Encoding") == "gzip") is is_packed
            assert len(gzip.decompress(body) if is_packed else body) == size
            assert int(answer.headers["Content-Length"]) == len(body)
            assert answer.headers.get("Vary") == ("Accept-Encoding" if size == len(LONG) else None)


@pytest.mark.parametrize(
    ("header", "accepts"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5, br", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
    ],
)
def test_what_an_accept_encoding_says_about_gzip(header: str, accepts: bool) -> None:
    assert accepts_gzip(header) is accepts
