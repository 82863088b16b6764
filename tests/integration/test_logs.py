"""What the platform writes when all is well: one shape, each line with its service, and nothing to worry about."""

import json
import signal
from pathlib import Path

import pytest
from fakes.running_platform import PROCESS_NAMES, RunningPlatform, solquote

pytestmark = pytest.mark.integration

HEAD = ["timestamp", "level", "service", "event"]
CALM_LEVELS = {"debug", "info"}
TRUE_OF_A_SMALL_DISK = {"a stream is shortened for want of room", "the server has less room than planned"}


def written(folder: Path) -> dict[str, list[dict[str, object]]]:
    """Every line of both runs' files, by the process whose file it is in."""
    lines: dict[str, list[dict[str, object]]] = {}
    for path in sorted((folder / "logs").iterdir()):
        lines.setdefault(path.name.partition(".")[0], []).extend(map(json.loads, path.read_text().splitlines()))
    return lines


def test_a_start_an_end_and_the_next_start_warn_of_nothing_and_every_line_names_its_service(tmp_path: Path):
    for _ in ("a new folder", "the same again"):
        with RunningPlatform(tmp_path) as platform:
            platform.until_healthy()
            assert "jupiter: circuit breaker closed" in platform.view("external_quote")["status"]
            assert platform.end(signal.SIGINT) == 0
    lines = written(tmp_path)
    assert set(lines) == set(PROCESS_NAMES)
    for name, of_process in lines.items():
        assert of_process
        assert [line for line in of_process if list(line)[:4] != HEAD or line["service"] != name] == []
        loud = [line for line in of_process if line["level"] not in CALM_LEVELS]
        assert [line for line in loud if line["event"] not in TRUE_OF_A_SMALL_DISK] == []
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "logs").iterdir()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "journal").iterdir()} == {0o600}


def test_a_process_that_was_killed_has_the_reason_in_its_log(tmp_path: Path):
    with RunningPlatform(tmp_path) as platform:
        platform.until_healthy()
        old_pid = platform.pids()["auditor"]
        platform.kill("auditor")
        platform.until_back("auditor", old_pid=old_pid, seconds=60)
        told = solquote("logs", "auditor", data_dir=tmp_path).stdout.splitlines()
    assert [line["event"] for line in map(json.loads, told) if line["level"] == "error"] == [
        "ended by SIGKILL; restart 1 in 100 ms"
    ]
