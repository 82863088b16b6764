"""A running platform as seen from another terminal."""

import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from fakes.running_platform import PROCESS_NAMES, RunningPlatform, solquote, solquote_running
from fakes.waiting import DEADLINE_S

from quote_core.events import Stream

pytestmark = pytest.mark.integration


def ask(platform: RunningPlatform, line: str, *, code: int = 0) -> Any:
    """The JSON answer of a command that ends with `code`."""
    ended = solquote(*line.split(), "--json", data_dir=platform.data_dir)
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout)


def say(platform: RunningPlatform, line: str, *, code: int = 0) -> str:
    """What a command prints for people."""
    ended = solquote(*line.split(), data_dir=platform.data_dir)
    assert ended.returncode == code, ended.stderr
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
    assert [line.split()[0] for line in printed[2:]] == list(PROCESS_NAMES)


def test_a_stop_is_the_first_thing_that_status_doctor_and_up_tell(client_platform: RunningPlatform):
    assert solquote("kill", "--reason", "a drill", data_dir=client_platform.data_dir).returncode == 0
    try:
        assert say(client_platform, "status").startswith("!! Trading is HALTED since ")
        switch = ask(client_platform, "status")["killSwitch"]
        assert (switch["state"], switch["reason"]) == ("HALTED", "a drill")
        assert say(client_platform, "doctor").startswith("!! Trading is HALTED since ")
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
    assert set(readers) == {"executor", "event_logger"}
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
