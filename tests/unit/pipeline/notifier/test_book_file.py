"""What outlives the notifier."""

import asyncio
from pathlib import Path

import pytest
from fakes.alerts import NOW_NS, alert
from fakes.waiting import eventually

from pipeline.notifier.alert import Level
from pipeline.notifier.book_file import BookFile, Kept, begun, held_alone, kept_alerts, newest_first
from quote_core.bus.follow import Place
from quote_core.errors import ProviderUnavailable
from quote_core.events import Stream

KEPT = Kept(
    alerts=(alert(3, told={"slack": 1}), alert(4, level=Level.INFO, ended_unix_ns=NOW_NS, acknowledged_by="Zoë")),
    next_number=5,
    places={Stream.SYSTEM: Place("2026-01-01T00:00:00+00:00", 17)},
    known=("planner",),
)


async def write(folder: Path, kept: Kept) -> BookFile:
    file = BookFile(folder, lambda: kept)
    file.note_change()
    task = asyncio.create_task(file.run())
    await eventually(lambda: file.is_current)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return file


async def test_what_was_written_is_read_and_nobody_else_may_read_it(tmp_path: Path):
    await write(tmp_path, KEPT)
    assert kept_alerts(tmp_path) == KEPT
    assert (tmp_path / "alerts.json").stat().st_mode & 0o777 == 0o600


async def test_what_changes_last_is_written_at_the_end(tmp_path: Path):
    kept = Kept()
    file = BookFile(tmp_path, lambda: kept)
    task = asyncio.create_task(file.run())
    await asyncio.sleep(0)
    kept = KEPT
    file.note_change()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert kept_alerts(tmp_path) == KEPT


async def test_a_folder_that_cannot_be_written_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.notifier.book_file.RETRY_S", 0.01)
    folder = tmp_path / "notifier"
    folder.write_text("in the way")
    file = BookFile(folder, lambda: KEPT)
    file.note_change()
    task = asyncio.create_task(file.run())
    await eventually(lambda: bool(file.failure))
    folder.unlink()
    await eventually(lambda: not file.failure)
    assert kept_alerts(folder) == KEPT
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_there_is_nothing_before_the_first_start(tmp_path: Path):
    assert kept_alerts(tmp_path) == Kept()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1, "alerts": [{"number": 1}]}', b'{"version": 1}']
)
def test_a_damaged_file_is_set_aside(tmp_path: Path, content: bytes):
    (tmp_path / "alerts.json").write_bytes(content)
    assert begun(tmp_path) == Kept()
    assert (tmp_path / "alerts.json.damaged").read_bytes() == content


def test_a_second_notifier_is_refused(tmp_path: Path):
    folder = tmp_path / "notifier"
    with held_alone(folder), pytest.raises(ProviderUnavailable, match="another notifier runs"), held_alone(folder):
        pass
    with held_alone(tmp_path / "notifier"):
        pass


def test_people_see_what_is_open_first_then_the_gravest_then_the_newest():
    alerts = [alert(1, ended_unix_ns=1), alert(2, level=Level.INFO), alert(3), alert(4)]
    assert [one.number for one in newest_first(alerts)] == [4, 3, 2, 1]
