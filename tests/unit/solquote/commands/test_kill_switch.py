"""kill and release against a system manager that answers what a test wants."""

import json
import subprocess
import sys
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
    "actor": "person alice, token kill-switch.token",
    "revision": 2,
    "changedUnixNs": 1_700_000_000_000_000_000,
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
        monkeypatch.setenv("SOLQUOTE_NATS_URL", "nats://127.0.0.1:9")  # nobody is there
        monkeypatch.setattr("solquote.stop_now.this_person", lambda: "alice")
        monkeypatch.setattr("solquote.commands.kill_switch.this_person", lambda: "alice")
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_kill_asks_with_the_token_and_prints_the_state(manager: Manager, capsys: pytest.CaptureFixture[str]):
    assert run(["kill", "--reason", "drill"]) == 0
    body = {"state": "HALTED", "reason": "drill", "person": "alice"}
    assert manager.asked == [("/api/killswitch/enable", f"Bearer {TOKEN}", body)]
    assert capsys.readouterr().out == "trading is HALTED since 2023-11-14 22:13:20 UTC: drill (revision 2)\n"


def test_reducing_is_a_state_one_can_ask_for(manager: Manager):
    assert run(["kill", "--state", "reducing"]) == 0
    assert manager.asked[0][2] == {"state": "REDUCING", "person": "alice"}


def test_what_the_manager_notes_is_told(manager: Manager, capsys: pytest.CaptureFixture[str]):
    manager.body = json.dumps(SWITCH | {"notes": ["HALTED was latched before and stays"]}).encode()
    assert run(["kill", "--state=reducing"]) == 0
    assert capsys.readouterr().err == "solquote: HALTED was latched before and stays\n"


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (["--reson", "x"], "--reson"),
        (["now!"], "now!"),
        (["--reason"], "--reason"),
        (["--state", "dead"], "--state"),
        (["--timeout", "soon"], "--timeout"),
        (["--timeout", "1e999"], "--timeout"),
        (["--timeout", "٣"], "--timeout"),
        (["--timeout", "1_0"], "--timeout"),
    ],
)
def test_a_stop_is_never_refused_for_how_it_was_typed(
    manager: Manager, capsys: pytest.CaptureFixture[str], arguments: list[str], note: str
):
    assert run(["kill", *arguments]) == 0
    assert manager.asked[0][2] == {"state": "HALTED", "person": "alice"}
    assert note in capsys.readouterr().err


def test_a_wrong_setting_does_not_keep_a_stop_from_going_out(
    manager: Manager, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "config.toml").write_text("not = [toml")
    monkeypatch.setenv("SOLQUOTE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("SOLQUOTE_LOG_LEVEL", "shouting")
    assert run(["kill"]) == 0
    assert "SOLQUOTE_CONFIG" in capsys.readouterr().err


def test_names_that_nobody_knows_and_a_wrong_folder_keep_no_stop_from_going_out(
    manager: Manager, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("SOLQUOTE_SYSTEM_MANAGER_TOKEN_FILE", str(tmp_path / "kill-switch.token"))
    monkeypatch.setenv("SOLQUOTE_RPC_ULR", "x")
    assert run(["kill", "--data-dir", str(tmp_path / "nowhere")]) == 0
    told = capsys.readouterr().err
    assert f"--data-dir: {tmp_path}/nowhere is no folder" in told
    assert "SOLQUOTE_RPC_ULR: no such setting; did you mean SOLQUOTE_RPC_URL?" in told
    monkeypatch.setenv("SOLQUOTE_SYSTEM_MANAGER_TOKEN_FILE", str(tmp_path / "nothing"))
    run(["kill", "--timeout", "0.6"])
    assert "the bus did not confirm" in capsys.readouterr().err, "the bus was not asked"


def test_help_stops_nothing(manager: Manager, capsys: pytest.CaptureFixture[str]):
    assert run(["kill", "--help"]) == 0
    assert manager.asked == []
    assert "reducing" in capsys.readouterr().out


def test_kill_answers_as_json_too(manager: Manager, capsys: pytest.CaptureFixture[str]):
    assert run(["kill", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == SWITCH | {"confirmedBy": "system manager"}


def test_a_stop_that_is_kept_and_not_stored_says_so_and_is_no_success(
    manager: Manager, capsys: pytest.CaptureFixture[str]
):
    manager.status = 202
    manager.body = json.dumps(SWITCH | {"stored": False, "message": "kept on disk, not stored yet"}).encode()
    assert run(["kill"]) == 3
    assert "kept on disk, not stored yet" in capsys.readouterr().out


def test_release_answers_as_json_too(manager: Manager, capsys: pytest.CaptureFixture[str]):
    assert run(["release", "--json"]) == 0
    assert manager.asked == [("/api/killswitch/disable", f"Bearer {TOKEN}", {"person": "alice"})]
    assert json.loads(capsys.readouterr().out) == SWITCH


def test_a_release_forces_each_rule_that_is_named_and_no_other(manager: Manager, capsys: pytest.CaptureFixture[str]):
    assert run(["release", "--force", "drawdown", "--force", "memory", "--reason", "seen"]) == 0
    assert manager.asked[0][2] == {"person": "alice", "reason": "seen", "force": ["drawdown", "memory"]}
    capsys.readouterr()
    told = {"error": "rules still trigger: drawdown (12.0%)", "errorCode": "FAILED_PRECONDITION"}
    manager.status, manager.body = 409, json.dumps(told).encode()
    assert run(["release"]) == 1
    assert "rules still trigger: drawdown (12.0%)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "body", "exit_code", "message"),
    [
        (401, '{"error": "a token", "errorCode": "UNAUTHENTICATED"}', 2, "refuses the token: a token"),
        (503, '{"error": "the bus is down", "errorCode": "UNAVAILABLE"}', 3, "the bus is down"),
        (200, "<html>", 5, "something else than JSON"),
        (200, "[]", 5, "something else than an object"),
    ],
)
@pytest.mark.parametrize("command", ["kill", "release"])
def test_a_refusal_is_told_with_its_exit_code(
    manager: Manager,
    capsys: pytest.CaptureFixture[str],
    command: str,
    status: int,
    body: str,
    exit_code: int,
    message: str,
):
    manager.status, manager.body = status, body.encode()
    assert run([command, "--timeout", "0.6"]) == exit_code
    told = capsys.readouterr()
    assert message in told.err
    assert TOKEN not in told.err + told.out
    assert ("nobody has confirmed the stop" in told.err) is (command == "kill")


def test_a_stop_is_on_its_way_without_the_settings_models_and_the_command_line():
    """Loading them takes seconds on a busy machine."""
    heavy = ("pydantic", "typer", "grpc", "nats", "asyncio", "structlog", "solders", "aiohttp")
    code = f"import sys, solquote.cli, solquote.stop_now; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
