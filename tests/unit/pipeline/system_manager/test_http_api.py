"""The HTTP contract of the kill switch, over a switch in memory."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from prometheus_client import CollectorRegistry

from pipeline.system_manager.change import Change
from pipeline.system_manager.http_api import make_application
from pipeline.system_manager.latch import ChangedMeanwhile
from quote_core.errors import ProviderUnavailable
from quote_core.events import Header, KillSwitch, TradingState
from quote_core.settings import SecretStr

TOKEN = "the token of this test"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
ENABLE, DISABLE, SHOW = "/api/killswitch/enable", "/api/killswitch/disable", "/api/killswitch"
Client = TestClient[Request, Application]


class Switch:
    def __init__(self) -> None:
        self.finding = ""
        self.failure: Exception | None = None
        self.wanted: list[Change] = []

    async def look(self) -> KillSwitch:
        return self._event(self.wanted[-1] if self.wanted else Change(TradingState.ACTIVE, "first_start", "first"))

    async def change(self, wanted: Change) -> KillSwitch:
        if self.failure is not None:
            raise self.failure
        self.wanted.append(wanted)
        return self._event(wanted)

    def _event(self, change: Change) -> KillSwitch:
        if self.failure is not None:
            raise self.failure
        return KillSwitch(
            header=Header(event_id=bytes(16), created_unix_ns=1, slot=0),
            state=change.state,
            trigger=change.trigger,
            reason=change.reason,
            actor=change.actor,
            revision=len(self.wanted) + 1,
            changed_unix_ns=1,
        )


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
async def client(switch: Switch) -> AsyncIterator[Client]:
    application = make_application(switch, token=SecretStr(TOKEN), token_name="the.token", registry=CollectorRegistry())
    async with TestClient(TestServer(application)) as client:
        yield client


async def error_of(answer: Any) -> tuple[int, str, str]:
    body = await answer.json()
    return answer.status, body["error"]["code"], body["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "state", "reason"),
    [
        (ENABLE, b"", "HALTED", "stopped by hand"),
        (ENABLE, b"{}", "HALTED", "stopped by hand"),
        (ENABLE, b'{"reason": "drill"}', "HALTED", "drill"),
        (ENABLE, b'{"state": "REDUCING"}', "REDUCING", "stopped by hand"),
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
    assert (await (await client.get(SHOW)).json())["state"] == state


@pytest.mark.parametrize(
    ("path", "body", "names"),
    [
        (ENABLE, b"{", "body: is not JSON"),
        (ENABLE, b"[" * 16_000, "body: is not JSON"),
        (ENABLE, b"\xff", "body: is not JSON"),
        (ENABLE, b"[]", "body"),
        (ENABLE, b'"HALTED"', "body"),
        (ENABLE, b'{"reasn": "typo"}', "reasn: no such field"),
        (ENABLE, b'{"state": "ACTIVE"}', "state"),
        (ENABLE, b'{"state": "halted"}', "state"),
        (ENABLE, b'{"state": 2}', "state"),
        (ENABLE, b'{"reason": 5}', "reason"),
        (ENABLE, b'{"reason": " "}', "reason"),
        (ENABLE, b'{"reason": "' + b"x" * 501 + b'"}', "reason"),
        (DISABLE, b'{"state": "HALTED"}', "state: no such field"),
    ],
)
async def test_a_bad_body_gets_400_naming_the_field_and_changes_nothing(
    client: Client, switch: Switch, path: str, body: bytes, names: str
) -> None:
    status, code, message = await error_of(await client.post(path, headers=AUTHORIZED, data=body))
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert message.startswith(names)
    assert switch.wanted == []


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


@pytest.mark.parametrize("path", [ENABLE, DISABLE])
async def test_a_bus_that_does_not_confirm_is_503(client: Client, switch: Switch, path: str) -> None:
    switch.failure = ProviderUnavailable("nats", "not connected")
    status, code, message = await error_of(await client.post(path, headers=AUTHORIZED))
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


async def test_a_huge_body_is_refused(client: Client, switch: Switch) -> None:
    answer = await client.post(ENABLE, headers=AUTHORIZED, data=b" " * 100_000)
    assert answer.status == 413
    assert switch.wanted == []
