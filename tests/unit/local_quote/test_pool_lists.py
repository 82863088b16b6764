"""Lists of pools: a file, and publishers that answer over real HTTP, also with rubbish."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from fakes.fake_clock import FakeClock
from fakes.held_market import JITOSOL, SOL, USDC

from local_quote.pool_lists import PoolListFile, PoolLists, PublishedList
from quote_core.errors import InvalidField, LayoutMismatch, ProviderUnavailable, RateLimited
from quote_core.outside_api import HttpApi
from quote_core.tokens import Pair

POOLS = ("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2", "7JuwJuNU88gurFnyWeiyGKbFmExMWcmRZntn9imEzdny")
PAIRS = [Pair(SOL, USDC), Pair(SOL, JITOSOL)]
ANSWERS = {
    "raydium": {"id": "i", "success": True, "data": {"count": 2, "data": [{"id": one, "tvl": 1} for one in POOLS]}},
    "orca": {"data": [{"address": one, "tvlUsdc": "1"} for one in POOLS], "meta": {"next": None}},
    "meteora": {"total": 2, "data": [{"address": one, "token_x": {"address": SOL.mint}} for one in POOLS]},
}


class Publisher:
    """Answers every path with what it is told to."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (200, b"")
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, dict(request.query)))
        return web.Response(status=self.answer[0], body=self.answer[1])


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    publisher = Publisher()
    application = web.Application()
    application.router.add_get("/{path:.*}", publisher.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    publisher.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield publisher
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def published(name: str, publisher: Publisher, session: aiohttp.ClientSession) -> PublishedList:
    api = HttpApi(session, provider=name, base_url=publisher.url, clock=FakeClock(), pause=lambda _: None)
    return PublishedList(api)


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_published_list_is_asked_for_each_pair_and_its_addresses_are_taken(
    name: str, publisher: Publisher, session: aiohttp.ClientSession
) -> None:
    publisher.answer = (200, json.dumps(ANSWERS[name]).encode())
    assert await published(name, publisher, session).addresses(PAIRS) == set(POOLS)
    path, query = publisher.asked[1]
    assert len(publisher.asked) == len(PAIRS)
    if name == "raydium":
        assert (path, query["mint1"], query["mint2"]) == ("/pools/info/mint", SOL.mint, JITOSOL.mint)
        assert (query["poolSortField"], query["sortType"]) == ("liquidity", "desc")
    elif name == "orca":
        assert (path, query["tokensBothOf"]) == ("/v2/solana/pools", f"{SOL.mint},{JITOSOL.mint}")
    else:
        assert (path, query["query"]) == ("/pools", JITOSOL.mint)


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>", LayoutMismatch),
        (200, b"{}", LayoutMismatch),
        (200, b'{"data": [{"id": "x", "address": "x"}]}', LayoutMismatch),
        (200, b'{"data": {"data": [{"id": "x"}]}}', LayoutMismatch),
        (200, b'{"data": [' + b"0," * 200_000, LayoutMismatch),
        (302, b"", ProviderUnavailable),
        (429, b"", RateLimited),
        (500, b"", ProviderUnavailable),
    ],
)
async def test_what_is_no_list_is_an_error_of_ours(
    name: str, status: int, body: bytes, error: type[Exception], publisher: Publisher, session: aiohttp.ClientSession
) -> None:
    publisher.answer = (status, body)
    with pytest.raises(error):
        await published(name, publisher, session).addresses(PAIRS)


async def test_a_list_that_fails_is_told_and_leaves_the_others(
    publisher: Publisher, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    publisher.answer = (500, b"")
    file = tmp_path / "pools.txt"
    file.write_text(f"{POOLS[0]}\n")
    lists = PoolLists([published("orca", publisher, session), PoolListFile(file)])
    assert await lists.addresses(PAIRS) == {POOLS[0]}
    assert "orca" in lists.fault
    publisher.answer = (200, json.dumps(ANSWERS["orca"]).encode())
    assert await lists.addresses(PAIRS) == set(POOLS)
    assert lists.fault == ""


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"# fine\nnot an address\n", "line 2: must be a base58 address"),
        (b"\xff\xfe", "cannot be read"),
        (b"\n" * 100_001, "more than 100000 lines"),
    ],
)
async def test_a_file_that_is_no_list_names_the_line_and_the_rule(content: bytes, rule: str, tmp_path: Path) -> None:
    file = tmp_path / "pools.txt"
    file.write_bytes(content)
    with pytest.raises(InvalidField, match=rule):
        await PoolListFile(file).addresses(PAIRS)
    with pytest.raises(InvalidField, match="cannot be read"):
        await PoolListFile(tmp_path / "absent").addresses(PAIRS)
