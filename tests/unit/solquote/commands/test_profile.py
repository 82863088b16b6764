"""What is refused before a process is asked."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.running.status import STATUS_NAME, ProcessState, ProcessView, status_content
from solquote.cli import run
from solquote.supervisor.lock import take_data_folder

PID = 2**22 + 1
"""Of no process."""


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which one process is said to run, and one not to."""
    monkeypatch.setenv("SOLQUOTE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    with take_data_folder(tmp_path / "data", {}):
        views = (
            ProcessView(name="planner", state=ProcessState.HEALTHY, address="", pid=PID),
            ProcessView(name="scanner", state=ProcessState.BACKOFF, address=""),
        )
        (tmp_path / "data" / STATUS_NAME).write_bytes(status_content(views, now=moment(SYSTEM_CLOCK)))
        yield tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code, and the sentence."""
    code = run(["profile", *arguments, "--json"])
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, json.loads(captured.err)["error"]


@pytest.mark.parametrize(
    ("process", "code", "sentence"),
    [
        ("plannr", 2, "PROCESS: plannr: no such process; did you mean planner?"),
        ("nats_server", 2, "PROCESS: nats_server is not ours, and has no Python to be looked at"),
        ("scanner", 3, "scanner does not run now: it is restarting; `solquote logs scanner` says why"),
    ],
)
def test_what_cannot_be_looked_at_is_said_at_once(
    process: str, code: int, sentence: str, platform: Path, capsys: pytest.CaptureFixture[str]
):
    assert refused(capsys, process) == (code, sentence)
    assert [path.name for path in platform.iterdir()] == ["data"]


def test_a_process_of_another_platform_or_of_none_is_told_so(
    platform: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    code, sentence = refused(capsys, "recorded_market")
    assert (code, "is not one of the processes that run with" in sentence) == (3, True)
    (tmp_path / "other").mkdir()
    code, sentence = refused(capsys, "planner", "--data-dir", str(tmp_path / "other"))
    assert (code, sentence.startswith("no platform runs with")) == (3, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root looks into the folder of another user")
def test_root_is_told_whose_platform_it_is(platform: Path, capsys: pytest.CaptureFixture[str]):
    os.chown(platform / "data", 65_534, 65_534)
    code, sentence = refused(capsys, "planner")
    assert (code, "is user 65534's, and this is user 0" in sentence) == (3, True)
    assert not (platform / "data" / "profiles").exists()


@pytest.mark.parametrize("path", [".", "missing/file", "data/up.json/file"])
def test_a_file_that_cannot_be_written_is_told_before_anybody_is_asked(
    path: str, platform: Path, capsys: pytest.CaptureFixture[str]
):
    code, sentence = refused(capsys, "planner", "--output", path)
    assert (code, sentence.startswith(f"--output: {path} cannot be written: ")) == (2, True)
    assert not (platform / "data" / "profiles").exists()


def test_a_process_that_does_not_begin_is_not_waited_for_longer_and_the_order_is_taken_away(
    platform: Path, capsys: pytest.CaptureFixture[str]
):
    code, sentence = refused(capsys, "planner", "--timeout", "0.2")
    assert (code, sentence.startswith("planner has not begun within 0.2 s: ")) == (4, True)
    assert not (platform / "data" / "profiles").exists()
    assert [path.name for path in platform.iterdir()] == ["data"]


@pytest.mark.parametrize("seconds", ["0", "301", "nan", "1e1", "soon"])
def test_a_time_that_is_none_is_refused(seconds: str, platform: Path, capsys: pytest.CaptureFixture[str]):
    code, sentence = refused(capsys, "planner", "--seconds", seconds)
    assert (code, "--seconds" in sentence) == (2, True)
