"""A running platform as seen from another terminal."""

import json
from typing import Any

import pytest
from fakes.running_platform import PROCESS_NAMES, RunningPlatform, solquote

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
