"""The web page over real sockets: who may have it, what it costs while nobody looks, and the way to the kill switch."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.access import control_with
from fakes.ports import free_port
from fakes.quote_services import FakeExternalService, FakeLocalService, serving
from fakes.running_aggregator import aggregator, until_serving
from fakes.switch_in_memory import Switch
from fakes.waiting import DEADLINE_S

from pipeline.system_manager.http_api import make_application
from pipeline.system_manager.limits import Trip
from pipeline.system_manager.manager import StillTriggering
from quote_core.serving import serve_http
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint
TOKEN = "the token of this test"
HALT = {"state": "HALTED", "reason": "drill", "person": "alice", "token": TOKEN}
WANTED = ("hello", "quotes", "pools", "bus", "processes", "settings", "switch", "pulse")


@dataclass
class World:
    session: aiohttp.ClientSession
    switch: Switch
    url: str
    local: FakeLocalService

    @property
    def own(self) -> dict[str, str]:
        """What a browser says of a request of the page itself."""
        return {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}


@contextlib.asynccontextmanager
async def world(folder: Path, **settings: object) -> AsyncIterator[World]:
    local, switch = FakeLocalService(), Switch()
    local.usd = {SOL: 140.0, USDC: 1.0}
    local.rates = {(SOL, USDC): 0.14, (USDC, SOL): 7.1}
    manager = make_application(switch, control_with(TOKEN))
    async with (
        serve_http(manager, host="127.0.0.1", port=0) as manager_port,
        serving(local=local) as local_address,
        serving(external=FakeExternalService()) as external_address,
        aggregator(
            folder,
            local_address=local_address,
            external_address=external_address,
            manager_address=f"127.0.0.1:{manager_port}",
            **settings,
        ) as running,
        aiohttp.ClientSession(running.http_url) as session,
    ):
        await until_serving(running)
        yield World(session, switch, running.http_url, local)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    """The topics as they come."""
    name = ""
    async for line in answer.content:
        key, _, value = line.decode().rstrip("\n").partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


async def until(stream: AsyncIterator[tuple[str, Any]], topic: str, condition: Any = lambda _: True) -> Any:
    """The first content of a topic of which this holds."""
    async with asyncio.timeout(DEADLINE_S):
        async for name, content in stream:
            if name == topic and condition(content):
                return content
    raise AssertionError("the stream ended")


async def test_the_page_and_its_files_come_with_a_strict_policy_and_are_asked_for_again(page: World) -> None:
    for path, content_type in (
        ("/", "text/html"),
        ("/page/page.css", "text/css"),
        ("/page/main.js", "text/javascript"),
    ):
        async with page.session.get(path) as answer:
            assert (answer.status, answer.content_type) == (200, content_type)
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            tag = answer.headers["ETag"]
        async with page.session.get(path, headers={"If-None-Match": tag}) as again:
            assert again.status == 304
    async with page.session.get("/page/../settings.py") as answer:
        assert answer.status == 404


async def test_every_topic_comes_at_once_and_quotes_go_on(page: World) -> None:
    async with page.session.get("/page/live", headers=page.own) as answer:
        assert answer.content_type == "text/event-stream"
        stream = events(answer)
        seen: dict[str, Any] = {}
        async with asyncio.timeout(DEADLINE_S):
            async for name, content in stream:
                seen.setdefault(name, content)
                if set(WANTED) <= set(seen):
                    break
        assert seen["switch"]["state"] == "ACTIVE"
        assert seen["processes"]["isSupervised"] is False
        assert seen["bus"]["isConnected"] is False
        assert seen["hello"]["sizes"][seen["hello"]["size"]] == 1.0
        priced = lambda content: (content["pairs"][0]["bid"] or {}).get("price") == pytest.approx(140.0)  # noqa: E731
        first = await until(stream, "quotes", priced)
        await until(stream, "quotes", lambda content: content != first)


async def test_another_size_is_quoted_for_who_asks_for_it(page: World) -> None:
    async with page.session.get("/page/live", params={"size": "0"}, headers=page.own) as answer:
        content = await until(events(answer), "quotes")
        assert (content["size"], content["pairs"][0]["amount"]) == (0, 0.1)
    for wrong in ("-1", "40", "x", ""):
        async with page.session.get("/page/live", params={"size": wrong}, headers=page.own) as answer:
            assert (answer.status, (await answer.json())["error"].partition(":")[0]) == (400, "size")


async def test_nothing_is_read_while_nobody_looks(page: World) -> None:
    looks = 0
    look = page.switch.look

    async def counted() -> Any:
        nonlocal looks
        looks += 1
        return await look()

    page.switch.look = counted  # type: ignore[method-assign]  # counts what the page asks for
    async with page.session.get("/v1/health") as answer:
        assert answer.status == 200
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]  # all have one
    assert not {name for name in names if "Panel" in name or "_keep" in name or "_pulse" in name}
    assert looks == 0
    async with page.session.get("/page/live", headers=page.own) as stream:
        await until(events(stream), "switch")
    assert looks > 0


async def test_requests_by_a_name_that_is_none_of_ours_and_of_other_sites_are_refused(tmp_path: Path) -> None:
    async with world(tmp_path, cors_origins="*", page_hosts="desk.example") as page:
        for path in ("/", "/page/live", "/page/main.js"):
            async with page.session.get(path, headers={"Host": "rebound.example"}) as answer:
                assert (answer.status, (await answer.json())["errorCode"]) == (403, "PERMISSION_DENIED")
            async with page.session.get(path, headers={"Origin": "https://elsewhere.example"}) as answer:
                assert answer.status == 403
        async with page.session.get("/", headers={"Host": "desk.example"}) as answer:
            assert answer.status == 200
        async with page.session.get("/v1/health", headers={"Host": "rebound.example"}) as answer:
            assert answer.status == 200  # the API is for programs, which may call it what they like


async def test_one_browser_too_many_is_told_so_and_comes_in_when_another_leaves(tmp_path: Path) -> None:
    async with world(tmp_path, page_viewer_count_max=1) as page:
        async with page.session.get("/page/live", headers=page.own) as first:
            await until(events(first), "hello")
            async with page.session.get("/page/live", headers=page.own) as second:
                assert (second.status, (await second.json())["errorCode"]) == (503, "UNAVAILABLE")
        async with asyncio.timeout(DEADLINE_S):
            while True:
                async with page.session.get("/page/live", headers=page.own) as later:
                    if later.status == 200:
                        break


async def test_a_confirmed_stop_and_a_release_reach_the_manager_with_who_and_why(page: World) -> None:
    async with page.session.post("/page/switch", json=HALT, headers=page.own) as answer:
        told = await answer.json()
        assert (answer.status, told["state"], told["reason"]) == (200, "HALTED", "drill")
    assert page.switch.wanted[-1].actor == "person alice, token the.token"
    async with page.session.post("/page/switch", json=HALT | {"state": "REDUCING"}, headers=page.own) as answer:
        assert (await answer.json())["state"] == "REDUCING"
    release = {"state": "ACTIVE", "token": TOKEN}
    async with page.session.post("/page/switch", json=release, headers=page.own) as answer:
        assert ((await answer.json())["state"], page.switch.wanted[-1].reason) == ("ACTIVE", "released by hand")


async def test_a_release_that_rules_refuse_says_which_and_one_that_names_them_is_passed_on(page: World) -> None:
    release = {"state": "ACTIVE", "token": TOKEN}
    page.switch.failure = StillTriggering((Trip("drawdown", "fell by 11 %"), Trip("memory", "97 % used")))
    async with page.session.post("/page/switch", json=release, headers=page.own) as answer:
        told = await answer.json()
        assert (answer.status, told["errorCode"]) == (409, "FAILED_PRECONDITION")
        assert [one["rule"] for one in told["rules"]] == ["drawdown", "memory"]
    page.switch.failure = None
    async with page.session.post("/page/switch", json=release | {"force": ["drawdown"]}, headers=page.own) as answer:
        assert answer.status == 200
    assert page.switch.forced[-1] == ("drawdown",)
    async with page.session.post("/page/switch", json=HALT | {"force": ["drawdown"]}, headers=page.own) as answer:
        assert answer.status == 400
    async with page.session.post("/page/switch", json=release | {"force": ["no rule"]}, headers=page.own) as answer:
        assert (answer.status, (await answer.json())["errorCode"]) == (400, "INVALID_ARGUMENT")
    assert len(page.switch.wanted) == 1


async def test_a_wrong_token_changes_nothing_and_is_told(page: World, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = "not-the-token-at-all"
    async with page.session.post("/page/switch", json=HALT | {"token": wrong}, headers=page.own) as answer:
        assert (answer.status, (await answer.json())["errorCode"]) == (401, "UNAUTHENTICATED")
    assert page.switch.wanted == []
    for body in (json.dumps(HALT | {"token": wrong, "state": "OFF"}), "{" + wrong, json.dumps([wrong])):
        headers = page.own | {"Content-Type": "application/json"}
        async with page.session.post("/page/switch", data=body, headers=headers) as answer:
            assert answer.status == 400
            assert wrong not in await answer.text()
    printed = capfd.readouterr()
    assert wrong not in printed.out + printed.err


@pytest.mark.parametrize(
    "changed",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": None},
        {"Host": "rebound.example", "Origin": "http://rebound.example"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
async def test_another_sites_page_cannot_move_the_switch(page: World, changed: dict[str, str | None]) -> None:
    headers = page.own | {"Content-Type": "application/json"} | changed
    sent = {name: value for name, value in headers.items() if value is not None}
    async with page.session.post("/page/switch", data=json.dumps(HALT), headers=sent) as answer:
        assert answer.status == 403
    assert page.switch.wanted == []


async def test_a_manager_that_is_away_is_told_and_the_state_is_unknown(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    local = FakeLocalService()
    async with (
        serving(local=local) as local_address,
        aggregator(
            tmp_path, local_address=local_address, external_address="127.0.0.1:1", manager_address=nobody
        ) as running,
        aiohttp.ClientSession(running.http_url) as session,
    ):
        own = {"Origin": running.http_url}
        async with session.post("/page/switch", json=HALT, headers=own) as answer:
            assert (answer.status, (await answer.json())["errorCode"]) == (503, "UNAVAILABLE")
        async with session.get("/page/live", headers=own) as answer:
            told = await until(events(answer), "switch")
        assert told["state"] == "UNKNOWN"
        assert nobody in told["reason"]


async def test_it_stops_while_somebody_looks(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        async with world(tmp_path) as page:
            answer = await session.get(f"{page.url}/page/live", headers=page.own)
            stream = events(answer)
            await until(stream, "hello")
        async with asyncio.timeout(DEADLINE_S):
            async for _ in stream:  # to its end, which is one, and not a connection that breaks
                pass
        answer.close()


async def test_a_page_that_is_not_wanted_is_not_there(tmp_path: Path) -> None:
    async with world(tmp_path, page=False) as page:
        for path in ("/", "/page/live", "/page/main.js"):
            async with page.session.get(path) as answer:
                assert answer.status == 404
