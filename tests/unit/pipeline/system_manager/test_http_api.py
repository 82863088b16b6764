"""The HTTP contract of the kill switch, over a switch in memory."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fakes.access import control_with
from fakes.switch_in_memory import Switch

from pipeline.system_manager.change import SwitchChange
from pipeline.system_manager.http_api import make_application
from pipeline.system_manager.latch import ChangedMeanwhile, NotYetStored
from pipeline.system_manager.limits import Trip
from pipeline.system_manager.manager import StillTriggering
from quote_core.errors import ProviderUnavailable
from quote_core.events import Header, KillSwitch, TradingState
from quote_core.serving import serve_http

TOKEN = "the token of this test"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
ENABLE, DISABLE, SHOW = "/api/killswitch/enable", "/api/killswitch/disable", "/api/killswitch"
Client = aiohttp.ClientSession


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
async def port(switch: Switch) -> AsyncIterator[int]:
    """The API as the system manager serves it."""
    application = make_application(switch, control_with(TOKEN))
    async with serve_http(application, host="127.0.0.1", port=0) as listening:
        yield listening


@pytest.fixture
async def client(port: int) -> AsyncIterator[Client]:
    async with Client(f"http://127.0.0.1:{port}") as session:
        yield session


async def error_of(answer: Any) -> tuple[int, str, str]:
    body = await answer.json()
    return answer.status, body["errorCode"], body["error"]


@pytest.mark.parametrize(
    ("path", "body", "state", "reason"),
    [
        (ENABLE, b"", "HALTED", "stopped by hand"),
        (ENABLE, b"{}", "HALTED", "stopped by hand"),
        (ENABLE, b'{"reason": "drill"}', "HALTED", "drill"),
        (ENABLE, b'{"state": "REDUCING"}', "REDUCING", "stopped by hand"),
        (ENABLE, b'{"state": "reducing"}', "REDUCING", "stopped by hand"),
        (DISABLE, b"", "ACTIVE", "released by hand"),
        (DISABLE, b'{"reason": "over"}', "ACTIVE", "over"),
    ],
)
async def test_a_good_request_changes_the_switch(
    client: Client, switch: Switch, path: str, body: bytes, state: str, reason: str
) -> None:
    answer = await client.post(path, headers=AUTHORIZED, data=body)
    shown = await answer.json()
    assert (answer.status, shown["state"], shown["reason"], shown["trigger"]) == (200, state, reason, "manual")
    assert shown["changedUnixNs"] == 1
    assert (await (await client.get(SHOW)).json())["state"] == state


@pytest.mark.parametrize(
    ("path", "body", "names"),
    [
        (DISABLE, b"{", "body: is not JSON"),
        (DISABLE, b"[" * 16_000, "body: is not JSON"),
        (DISABLE, b"\xff", "body: is not JSON"),
        (DISABLE, b"[]", "body"),
        (DISABLE, b'"HALTED"', "body"),
        (DISABLE, b'{"reasn": "typo"}', "reasn: no such field"),
        (DISABLE, b'{"reason": 5}', "reason"),
        (DISABLE, b'{"reason": " "}', "reason"),
        (DISABLE, b'{"reason": "' + b"x" * 501 + b'"}', "reason"),
        (DISABLE, b'{"person": "' + b"x" * 101 + b'"}', "person"),
        (DISABLE, b'{"state": "HALTED"}', "state: no such field"),
        (DISABLE, b'{"force": ["no_such_rule"]}', "force.0"),
        (DISABLE, b'{"force": "drawdown"}', "force"),
        (DISABLE, b'{"force": [' + b'"memory", ' * 99 + b'"memory"]}', "force"),
    ],
)
async def test_a_bad_body_of_a_release_gets_400_naming_the_field_and_changes_nothing(
    client: Client, switch: Switch, path: str, body: bytes, names: str
) -> None:
    status, code, message = await error_of(await client.post(path, headers=AUTHORIZED, data=body))
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert message.startswith(names)
    assert switch.wanted == []


async def test_a_release_while_rules_trigger_names_each_and_goes_through_with_their_names(
    client: Client, switch: Switch
) -> None:
    switch.failure = StillTriggering((Trip("drawdown", "12 %"), Trip("memory", "scanner: 95%")))
    answer = await client.post(DISABLE, headers=AUTHORIZED)
    told = await answer.json()
    assert (answer.status, told["errorCode"]) == (409, "FAILED_PRECONDITION")
    assert "drawdown (12 %); memory (scanner: 95%)" in told["error"]
    assert told["rules"] == [{"rule": "drawdown", "reason": "12 %"}, {"rule": "memory", "reason": "scanner: 95%"}]
    switch.failure = None
    answer = await client.post(DISABLE, headers=AUTHORIZED, json={"force": ["drawdown", "memory"]})
    assert (answer.status, switch.forced) == (200, [("drawdown", "memory")])


async def test_a_look_shows_who_has_acknowledged_the_switch_and_names_who_has_not(client: Client) -> None:
    shown = await (await client.get(SHOW)).json()
    assert shown["acknowledgements"][0] == {
        "service": "scanner",
        "instance": "a/1",
        "revision": shown["revision"],
        "ageMs": 5,
        "isCurrent": True,
    }
    assert shown["unacknowledged"] == ["executor a/2", "planner, of which none reports"]


@pytest.mark.parametrize(
    ("body", "reason", "note"),
    [
        (b"{", "stopped by hand", "the body is not JSON"),
        (b"[" * 16_000, "stopped by hand", "the body is not JSON"),
        (b"\xff", "stopped by hand", "the body is not JSON"),
        (b" " * 100_000, "stopped by hand", "the body is not JSON"),
        (b"[]", "stopped by hand", "the body is not an object"),
        (b'"HALTED"', "stopped by hand", "the body is not an object"),
        (b'{"reasn": "typo"}', "stopped by hand", "reasn: not understood, and left out"),
        (b'{"state": "ACTIVE"}', "stopped by hand", "state: not understood, and left out"),
        (b'{"state": 2}', "stopped by hand", "state: not understood, and left out"),
        (b'{"state": "stop it!", "reason": "now"}', "now", "state: not understood, and left out"),
        (b'{"reason": 5}', "stopped by hand", "reason: not understood, and left out"),
        (b'{"reason": " "}', "stopped by hand", "reason: not understood, and left out"),
        (b'{"reason": "' + b"x" * 501 + b'"}', "x" * 499 + "…", "reason: cut to 500 characters"),
        (b'{"reason": "\\ud800"}', "\N{REPLACEMENT CHARACTER}", None),
    ],
)
async def test_a_stop_is_never_refused_for_its_form(
    client: Client, switch: Switch, body: bytes, reason: str, note: str | None
) -> None:
    answer = await client.post(ENABLE, headers=AUTHORIZED, data=body)
    shown = await answer.json()
    assert (answer.status, shown["state"], shown["reason"]) == (200, "HALTED", reason)
    assert shown["notes"] == ([note] if note else [])
    assert [wanted.state for wanted in switch.wanted] == [TradingState.HALTED]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary="},
        {"Content-Type": "\u00fc"},
        {"Content-Encoding": "deflate"},
        {"Content-Encoding": "nonsense"},
    ],
)
async def test_a_stop_is_never_refused_for_its_headers(client: Client, switch: Switch, headers: dict[str, str]) -> None:
    answer = await client.post(ENABLE, headers=AUTHORIZED | headers, data=b'{"reason": "drill"}')
    assert answer.status == 200
    assert [wanted.state for wanted in switch.wanted] == [TradingState.HALTED]


@pytest.mark.parametrize(
    "request_head",
    ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n", "Expect: a miracle\r\nContent-Length: 2\r\n"],
)
async def test_a_stop_does_not_wait_for_a_body_that_does_not_come(port: int, switch: Switch, request_head: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST {ENABLE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{request_head}\r\n".encode())
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
        if b"100 Continue" in head:
            head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 200 ")
    assert [wanted.state for wanted in switch.wanted] == [TradingState.HALTED]


@pytest.mark.parametrize(
    ("body", "actor"),
    [(b"", "token the.token"), (b'{"person": "alice"}', "person alice, token the.token")],
)
@pytest.mark.parametrize("path", [ENABLE, DISABLE])
async def test_the_actor_names_person_and_token(
    client: Client, switch: Switch, path: str, body: bytes, actor: str
) -> None:
    assert (await (await client.post(path, headers=AUTHORIZED, data=body)).json())["actor"] == actor


async def test_what_is_stricter_already_stays_and_is_told(client: Client, switch: Switch) -> None:
    switch.holds = TradingState.HALTED
    shown = await (await client.post(ENABLE, headers=AUTHORIZED, data=b'{"state": "REDUCING"}')).json()
    assert shown["state"] == "HALTED"
    assert "nothing but a release loosens" in shown["notes"][0]


@pytest.mark.parametrize(("is_on_disk", "where"), [(True, "on disk"), (False, "in memory only")])
async def test_a_stop_that_is_not_stored_yet_is_202_and_promises_nothing_else(
    client: Client, switch: Switch, is_on_disk: bool, where: str
) -> None:
    switch.failure = NotYetStored(
        switch.event(SwitchChange(TradingState.HALTED, "manual", "drill")),
        ProviderUnavailable("nats", "not connected"),
        is_on_disk=is_on_disk,
    )
    answer = await client.post(ENABLE, headers=AUTHORIZED)
    shown = await answer.json()
    assert (answer.status, shown["state"], shown["stored"]) == (202, "HALTED", False)
    assert where in shown["message"]
    assert "not stored" in shown["message"]
    assert "have stopped" not in shown["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
    ],
)
@pytest.mark.parametrize("path", [ENABLE, DISABLE])
async def test_without_the_token_nothing_is_changed_whatever_the_body(
    client: Client, switch: Switch, path: str, headers: dict[str, str]
) -> None:
    answer = await client.post(path, headers=headers, data=b"{")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    status, code, message = await error_of(answer)
    assert (status, code) == (401, "UNAUTHENTICATED")
    assert TOKEN not in message
    assert switch.wanted == []


async def test_a_release_the_bus_does_not_confirm_is_503(client: Client, switch: Switch) -> None:
    switch.failure = ProviderUnavailable("nats", "not connected")
    status, code, message = await error_of(await client.post(DISABLE, headers=AUTHORIZED))
    assert (status, code) == (503, "UNAVAILABLE")
    assert "not connected" in message
    assert (await client.get(SHOW)).status == 503


async def test_a_release_that_met_a_newer_stop_is_409_and_says_so(client: Client, switch: Switch) -> None:
    switch.failure = ChangedMeanwhile(
        KillSwitch(
            header=Header(event_id=bytes(16), created_unix_ns=1, slot=0),
            state=TradingState.HALTED,
            trigger="drawdown",
            reason="equity fell",
            actor="",
            revision=3,
            changed_unix_ns=1,
        )
    )
    status, code, message = await error_of(await client.post(DISABLE, headers=AUTHORIZED))
    assert (status, code) == (409, "ABORTED")
    assert "equity fell" in message


async def test_health_says_what_is_wrong(client: Client, switch: Switch) -> None:
    assert (await client.get("/api/health")).status == 200
    switch.finding = "NATS is not connected"
    answer = await client.get("/api/health")
    assert (answer.status, (await answer.json())["findings"]) == (503, ["NATS is not connected"])


async def test_unknown_paths_and_methods_get_json_errors(client: Client) -> None:
    assert (await error_of(await client.get("/nope")))[:2] == (404, "NOT_FOUND")
    assert (await error_of(await client.get(ENABLE)))[:2] == (405, "UNIMPLEMENTED")


async def test_a_huge_body_of_a_release_is_refused(client: Client, switch: Switch) -> None:
    answer = await client.post(DISABLE, headers=AUTHORIZED, data=b" " * 100_000)
    assert answer.status == 413
    assert switch.wanted == []
