"""What is shown of the kill switch when its manager tells, says no, says nonsense, or is not there."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fakes.ports import free_port

from solquote.manager_request import ManagerClient
from solquote.switch_view import SwitchView, look_at_switch

HALTED = {
    "state": "HALTED",
    "trigger": "drawdown",
    "reason": "lost too much\x1b[2J",
    "actor": "system manager",
    "revision": 2,
    "changedUnixNs": 1_700_000_000_000_000_000,
}


class Manager(HTTPServer):
    status = 200
    body = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def client(self) -> ManagerClient:
        return ManagerClient("127.0.0.1", self.server_port, Path("/no/token/is/needed"))


class Handler(BaseHTTPRequestHandler):
    server: Manager

    def do_GET(self) -> None:
        assert self.path == "/api/killswitch"
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


@pytest.fixture
def manager() -> Iterator[Manager]:
    with Manager() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_who_stopped_trading_when_and_why_is_one_sentence_without_control_characters(manager: Manager):
    manager.body = json.dumps(HALTED).encode()
    switch = look_at_switch(manager.client, timeout_s=10)
    assert switch.sentence == ("trading is HALTED since 2023-11-14 22:13:20 UTC, by system manager: lost too much[2J")
    assert switch.as_json() == {
        "state": "HALTED",
        "reason": "lost too much[2J",
        "actor": "system manager",
        "trigger": "drawdown",
        "revision": 2,
        "changed_unix_ns": 1_700_000_000_000_000_000,
        "unacknowledged": [],
    }


def test_who_has_not_acknowledged_is_told_by_name(manager: Manager):
    manager.body = json.dumps(HALTED | {"unacknowledged": ["executor a/1", "planner, of which none reports"]}).encode()
    switch = look_at_switch(manager.client, timeout_s=10)
    assert switch.sentence.endswith("; not acknowledged by: executor a/1, planner, of which none reports")
    manager.body = json.dumps(HALTED | {"unacknowledged": 5}).encode()
    assert not look_at_switch(manager.client, timeout_s=10).is_known
    assert not switch.is_active


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, b'{"error": "NATS is away", "errorCode": "UNAVAILABLE"}', "says: NATS is away"),
        (200, b"<html>", "something else than JSON"),
        (200, b'{"state": "ACTIVE"}', "something else than a kill switch"),
        (200, b'{"state": "ACTIVE", "reason": "", "actor": "", "trigger": "", "revision": "x"}', "something else"),
    ],
)
def test_whatever_else_is_answered_is_not_known_and_not_active(manager: Manager, status: int, body: bytes, reason: str):
    manager.status, manager.body = status, body
    switch = look_at_switch(manager.client, timeout_s=10)
    assert not switch.is_known
    assert not switch.is_active
    assert reason in switch.reason


def test_nobody_there_is_told_as_not_known():
    switch = look_at_switch(ManagerClient("127.0.0.1", free_port(), Path("/none")), timeout_s=5)
    assert "cannot be reached" in switch.sentence
    assert switch.as_json()["state"] == "UNKNOWN"


def test_only_active_is_active():
    assert SwitchView(state="ACTIVE").is_active
    assert not SwitchView(state="REDUCING").is_active
