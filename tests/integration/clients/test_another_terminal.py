"""A running platform as seen from another terminal."""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from fakes.running_platform import RunningPlatform, solquote, solquote_running
from fakes.waiting import DEADLINE_S

from quote_core.events import Stream
from solquote.processes import NATS, SERVICES

pytestmark = pytest.mark.integration

ALL_NAMES = [NATS, *(service.name for service in SERVICES)]
"""This platform has every process there is."""


def ask(platform: RunningPlatform, line: str, *, code: int = 0) -> Any:
    """The JSON answer of a command that ends with `code`."""
    ended = solquote(*line.split(), "--json", data_dir=platform.data_dir)
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout)


def say(platform: RunningPlatform, line: str, *, code: int = 0) -> str:
    """What a command prints for people."""
    ended = solquote(*line.split(), data_dir=platform.data_dir)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout


def lines(platform: RunningPlatform, line: str) -> list[Any]:
    """The JSON lines that a command prints."""
    return [json.loads(each) for each in say(platform, line).splitlines()]


def test_status_shows_every_process_as_the_supervisor_knows_it(client_platform: RunningPlatform):
    status = ask(client_platform, "status")
    assert status["pid"] == client_platform.process.pid
    assert status["isHealthy"]
    assert {process["process"]: process["pid"] for process in status["processes"]} == client_platform.pids()
    assert all(process["state"] == "healthy" and process["uptimeMs"] > 0 for process in status["processes"])
    assert status["killSwitch"]["state"] == "ACTIVE"
    printed = say(client_platform, "status").splitlines()
    assert printed[0].startswith("trading is ACTIVE since ")
    assert [line.split()[0] for line in printed[2:]] == ALL_NAMES


def test_a_stop_is_the_first_thing_that_status_doctor_top_and_up_tell(client_platform: RunningPlatform):
    assert solquote("kill", "--reason", "a drill", data_dir=client_platform.data_dir).returncode == 0
    try:
        assert say(client_platform, "status").startswith("!! Trading is HALTED since ")
        switch = ask(client_platform, "status")["killSwitch"]
        assert (switch["state"], switch["reason"]) == ("HALTED", "a drill")
        assert say(client_platform, "doctor").startswith("!! Trading is HALTED since ")
        assert say(client_platform, "top").startswith("!! Trading is HALTED since ")
        first = ask(client_platform, "doctor")["checks"][0]
        assert (first["subject"], first["verdict"]) == ("kill switch", "warning")
        client_platform.until(lambda: client_platform.switch.get("state") == "HALTED", seconds=60)
        assert client_platform.switch["reason"] == "a drill"
    finally:
        assert solquote("release", data_dir=client_platform.data_dir).returncode == 0
    client_platform.until(lambda: client_platform.switch.get("state") == "ACTIVE", seconds=60)


def test_events_of_the_bus_are_shown_as_they_come_and_as_they_are_kept(client_platform: RunningPlatform):
    live = lines(client_platform, "events tail -n 3 --type ServiceHealth")
    assert [line["event"]["type"] for line in live] == ["ServiceHealth"] * 3
    kept = lines(client_platform, "events dump --stream METRICS --stream SYSTEM")
    assert {(line["stream"], line["sequence"]) for line in live} <= {
        (line["stream"], line["sequence"]) for line in kept
    }
    assert {"METRICS", "SYSTEM"} == {line["stream"] for line in kept}
    times = [line["storedUnixNs"] for line in kept]
    assert times == sorted(times)
    assert lines(client_platform, "events dump --until 2020-01-01") == []


def test_each_stream_has_its_bounds_and_its_readers(client_platform: RunningPlatform):
    streams = {stream["stream"]: stream for stream in ask(client_platform, "events stats")["streams"]}
    assert set(streams) == set(Stream)
    assert streams["METRICS"]["messageCount"] > 0
    assert streams["METRICS"]["bytesMax"] > streams["METRICS"]["sizeBytes"] > 0
    readers = {consumer["reader"]: consumer for consumer in streams["PLANNED"]["consumers"] if consumer["isThere"]}
    # The page while somebody looks at it; the auditor for the history.
    assert set(readers) - {"page"} == {"executor", "event_logger", "auditor"}
    assert readers["executor"]["isDurable"]
    assert max(map(len, say(client_platform, "events stats").splitlines())) <= 80


def test_the_journal_is_whole_and_has_what_the_streams_have(client_platform: RunningPlatform):
    assert ask(client_platform, "journal verify")["isIntact"]
    switches = lines(client_platform, "journal replay --type KillSwitch")
    assert switches[0]["event"]["type"] == "KillSwitch"


def test_logs_of_all_processes_are_one_stream_and_of_one_are_as_it_wrote_them(client_platform: RunningPlatform):
    merged = lines(client_platform, "logs --json --lines 1000")
    assert {"nats_server", "local_quote", "aggregator", "scanner"} <= {line["process"] for line in merged}
    times = [line["unixMs"] or 0 for line in merged]
    assert times == sorted(times)
    written = say(client_platform, "logs nats_server --lines 1000")
    assert "Server is ready" in written
    assert set(written.splitlines()) <= set(
        (client_platform.data_dir / "logs/nats_server.log").read_text().splitlines()
    )


def test_followed_logs_show_what_is_written_from_then_on(client_platform: RunningPlatform):
    with solquote_running("logs", "-f", "-n", "0", "nats_server", data_dir=client_platform.data_dir) as following:
        log = client_platform.data_dir / "logs/nats_server.log"
        assert following.stdout is not None
        until = time.monotonic() + DEADLINE_S
        while not select.select([following.stdout], [], [], 0.5)[0]:  # the command may not have begun to look yet
            assert time.monotonic() < until
            with log.open("a") as file:
                file.write("a line of this test\n")
        assert following.stdout.readline() == "a line of this test\n"


def test_tail_says_that_it_ends_by_ctrl_c(client_platform: RunningPlatform):
    with solquote_running("events", "tail", data_dir=client_platform.data_dir) as tailing:
        assert tailing.stdout is not None
        assert json.loads(tailing.stdout.readline())["event"]["type"]
        tailing.send_signal(signal.SIGINT)
        assert tailing.wait(DEADLINE_S) == 130


def test_every_service_answers_and_its_line_works_as_pasted(client_platform: RunningPlatform):
    told = ask(client_platform, "services")["services"]
    assert all(service["answers"] for service in told), told
    by_name = {(service["name"], service["protocol"]): service for service in told}
    assert len(by_name) == len(told)
    assert "solquote.v1.LocalQuoteService/GetPoolState" in by_name["local_quote", "gRPC"]["offers"]
    assert {"GET /v1/quote", "GET /docs"} <= set(by_name["aggregator", "HTTP"]["offers"])
    environment = {**os.environ, "SOLQUOTE_DATA_DIR": str(client_platform.data_dir)}
    for service in told:
        line = service["example"]
        shell = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=False)
        assert shell.returncode == 0, (line, shell.stderr)
        assert shell.stdout.strip(), line
        assert '"error"' not in shell.stdout, (line, shell.stdout)
    assert say(client_platform, "services").count("\n  $ ") == len(told)


def test_the_level_of_a_running_process_is_changed_and_given_back(client_platform: RunningPlatform):
    folder = client_platform.data_dir
    log = folder / "logs" / "planner.log"

    def heeded(level: str) -> bool:
        return f'"level_now": "{level}"' in log.read_text()

    assert "planner: debug" in solquote("logs", "--level", "debug", "planner", data_dir=folder).stdout
    client_platform.until(lambda: heeded("debug"), seconds=60)
    given_back = json.loads(solquote("logs", "--level", "default", "--json", data_dir=folder).stdout)
    assert given_back["level"] == "default"
    assert "planner" in given_back["processes"]
    client_platform.until(lambda: heeded("info"), seconds=60)
    refused = solquote("logs", "--level", "debug", "nats_server", data_dir=folder)
    assert refused.returncode == 2
    assert "nats_server is not ours" in refused.stderr


def test_without_a_platform_there_is_no_level_to_change(tmp_path: Path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "planner.log").touch()
    refused = solquote("logs", "--level", "debug", "planner", data_dir=tmp_path)
    assert refused.returncode == 3
    assert "no platform runs" in refused.stderr


def test_top_has_one_frame_of_everything_for_a_pipe(client_platform: RunningPlatform):
    printed = say(client_platform, "top --once")
    assert printed.startswith("trading is ACTIVE since ")
    assert f"{len(ALL_NAMES)} of {len(ALL_NAMES)} processes healthy | bus up | " in printed
    for piece in (*ALL_NAMES, "P&L ", "SOL/USDC", "opportunities, ", "plans", "rejections", "pools, oldest first"):
        assert piece in printed
    assert "\x1b" not in printed
    topics = {line["topic"]: line["content"] for line in lines(client_platform, "top --json")}
    assert topics["switch"]["state"] == "ACTIVE"
    assert topics["quotes"]["pairs"][0]["pair"] == "SOL/USDC"
    assert {each["process"] for each in topics["processes"]["processes"]} == set(ALL_NAMES)
    assert {"hello", "pulse", "bus", "pools", "opportunities", "plans", "profit"} < set(topics)


@pytest.mark.parametrize("keys", [b"q", b"\x03"], ids=["q", "Ctrl-C"])
def test_top_is_live_on_a_terminal_until_it_is_told_to_end(keys: bytes, client_platform: RunningPlatform):
    code, drawn = on_a_terminal("top", "processes healthy", keys, data_dir=client_platform.data_dir)
    assert code == 130
    assert b"\x1b[?1049h" in drawn  # a screen of its own, which is left as it was found
    assert drawn.rstrip().endswith(b"\x1b[?1049l")


def on_a_terminal(line: str, awaited: str, keys: bytes, *, data_dir: Path) -> tuple[int, bytes]:
    """Run a command on a terminal of its own, type `keys` once it shows what is awaited; exit code and all it drew."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SOLQUOTE_")}
    drawn, until = b"", time.monotonic() + DEADLINE_S
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", sys.executable, "-m", "solquote", *line.split()],
        env=environ | {"TERM": "xterm", "NO_COLOR": "1", "SOLQUOTE_DATA_DIR": str(data_dir)},
        stdin=its,
        stdout=its,
        stderr=its,
    ) as process:
        os.close(its)
        try:
            with contextlib.suppress(OSError):  # how a terminal says that nobody is left to write to it
                while awaited.encode() not in drawn:
                    assert select.select([ours], [], [], max(0.0, until - time.monotonic()))[0], drawn
                    drawn += os.read(ours, 65_536)
                os.write(ours, keys)
                while select.select([ours], [], [], max(0.0, until - time.monotonic()))[0]:
                    drawn += os.read(ours, 65_536)
            return process.wait(DEADLINE_S), drawn
        finally:
            process.kill()
            os.close(ours)
