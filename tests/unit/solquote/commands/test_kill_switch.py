"""kill and release against a system manager that answers what a test wants."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from solquote.cli import run

TOKEN = "0123456789abcdef"
SWITCH = {
    "state": "HALTED",
    "trigger": "manual",
    "reason": "drill",
    "actor": "http 127.0.0.1",
    "revision": 2,
    "changed_unix_ns": 1_700_000_000_000_000_000,
}


class Manager(HTTPServer):
    """Remembers what it was asked; answers with `status` and `body`."""

    status = 200
    body = json.dumps(SWITCH).encode()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, object]] = []


class Handler(BaseHTTPRequestHandler):
    server: Manager

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], content))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Manager]:
    (tmp_path / "kill-switch.token").write_text(TOKEN + "\n")
    with Manager() as server:
        monkeypatch.setenv("SOLQUOTE_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT", str(server.server_port))
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_kill_asks_with_the_token_and_prints_the_state(manager: Manager, capsys: pytest.CaptureFixture[str]):
    assert run(["kill", "--reason", "drill"]) == 0
    assert manager.asked == [
        ("/api/killswitch/enable", f"Bearer {TOKEN}", {"state": "HALTED", "reason": "drill"}),
    ]
    assert capsys.readouterr().out == "trading is HALTED since 2023-11-14 22:13:20 UTC: drill (revision 2)\n"


def test_reducing_is_a_state_one_can_ask_for(manager: Manager):
    assert run(["kill", "--state", "reducing"]) == 0
    assert manager.asked[0][2] == {"state": "REDUCING"}


def test_release_answers_as_json_too(manager: Manager, capsys: pytest.CaptureFixture[str]):
    assert run(["release", "--json"]) == 0
    assert manager.asked == [("/api/killswitch/disable", f"Bearer {TOKEN}", {})]
    assert json.loads(capsys.readouterr().out) == SWITCH


@pytest.mark.parametrize(
    ("status", "body", "exit_code", "message"),
    [
        (401, '{"error": {"code": "UNAUTHENTICATED", "message": "a token"}}', 2, "refuses the token: a token"),
        (503, '{"error": {"code": "UNAVAILABLE", "message": "the bus is down"}}', 3, "the bus is down"),
        (200, "<html>", 5, "something else than JSON"),
        (200, "[]", 5, "something else than an object"),
    ],
)
def test_a_refusal_is_told_with_its_exit_code(
    manager: Manager, capsys: pytest.CaptureFixture[str], status: int, body: str, exit_code: int, message: str
):
    manager.status, manager.body = status, body.encode()
    assert run(["kill"]) == exit_code
    told = capsys.readouterr()
    assert message in told.err
    assert TOKEN not in told.err + told.out
