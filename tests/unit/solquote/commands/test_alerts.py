"""`alerts list | ack | test` on files as a notifier leaves them."""

import asyncio
import json
from pathlib import Path

import pytest
from fakes.alerts import NOW_NS, alert

from pipeline.notifier.acknowledgements import waiting_acknowledgements
from pipeline.notifier.alert import Level
from pipeline.notifier.book_file import BookFile, Kept, notifier_folder
from solquote.cli import run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with two alerts."""
    monkeypatch.setenv("SOLQUOTE_DATA_DIR", str(tmp_path))
    alerts = (
        alert(1, level=Level.WARNING, title="[red]planner[/] is silent", ended_unix_ns=NOW_NS, told={"slack": 1}),
        alert(2, acknowledged_by="alice", text="", news=3, told={"slack": 3, "smtp": 2}),
    )
    file = BookFile(notifier_folder(tmp_path), lambda: Kept(alerts=alerts, next_number=3))

    async def write() -> None:
        file.note_change()
        task = asyncio.create_task(file.run())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(write())
    return tmp_path


def ask(line: str, capsys: pytest.CaptureFixture[str], *, code: int = 0) -> str:
    assert run(line.split()) == code
    return capsys.readouterr().out


def test_alerts_are_listed_with_what_is_open_first(folder: Path, capsys: pytest.CaptureFixture[str]):
    lines = ask("alerts list", capsys).splitlines()
    assert [line.split()[0] for line in lines] == ["#", "2", "1"]
    assert "acknowledged by alice" in lines[1]
    assert "[red]planner[/] is silent" in lines[2]
    told = json.loads(ask("alerts list --json", capsys))["alerts"]
    assert [(one["number"], one["state"], one["told"]) for one in told] == [
        (2, "acknowledged", ["slack"]),
        (1, "over", ["slack"]),
    ]
    assert (told[0]["firstUnixNs"], told[0]["endedUnixNs"]) == (str(NOW_NS), None)


def test_an_acknowledgement_waits_for_the_notifier(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert "waits for the notifier" in ask("alerts ack 2 1 2 --timeout 0", capsys, code=3)
    assert {one.number for one in waiting_acknowledgements(notifier_folder(folder))} == {1, 2}
    assert json.loads(ask("alerts ack 2 --timeout 0 --json", capsys, code=3)) == {"acknowledged": [], "waiting": [2]}


def test_a_number_that_is_none_is_refused_and_nothing_is_acknowledged(folder: Path, capsys: pytest.CaptureFixture[str]):
    ask("alerts ack 2 9", capsys, code=2)
    assert list(waiting_acknowledgements(notifier_folder(folder))) == []


def test_where_none_ever_ran_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SOLQUOTE_DATA_DIR", str(tmp_path))
    assert run(["alerts", "list"]) == 3
    assert "runs where a destination is set" in capsys.readouterr().err
    assert run(["alerts", "test"]) == 2
    assert "no destination is set" in capsys.readouterr().err


def test_a_damaged_file_is_told(folder: Path, capsys: pytest.CaptureFixture[str]):
    (notifier_folder(folder) / "alerts.json").write_text("{")
    assert run(["alerts", "list"]) == 5
    assert "cannot be read" in capsys.readouterr().err
