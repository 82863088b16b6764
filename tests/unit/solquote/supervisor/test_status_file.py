"""What a supervisor writes down of itself, and what a reader may believe of it."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fakes.fake_clock import FakeClock
from fakes.waiting import eventually

from quote_core.running.status import OLD_NS_MIN, PlatformStatus, ProcessState, ProcessView, read_status
from solquote.supervisor import status_file
from solquote.supervisor.lock import take_data_folder
from solquote.supervisor.specification import ProcessSpec
from solquote.supervisor.status_file import StatusFile

SPECS = (ProcessSpec(name="scanner", command=("scanner",)),)
SECOND_NS = 1_000_000_000
VIEW = ProcessView(
    name="scanner",
    state=ProcessState.HEALTHY,
    address="",
    pid=7,
    status="984 rows",
    restart_count=2,
    started_mono_ns=990 * SECOND_NS,
)


@asynccontextmanager
async def told(folder: Path, clock: FakeClock, *views: ProcessView) -> AsyncIterator[StatusFile]:
    """A supervisor that holds the folder and has written of `views`."""
    with take_data_folder(folder, {}):
        file = StatusFile(folder, SPECS, clock=clock)
        for view in views:
            file.changed(view)
        running = asyncio.create_task(file.run())
        await eventually((folder / "status.json").exists)
        yield file
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def status_of(folder: Path, clock: FakeClock) -> PlatformStatus:
    status = read_status(folder, clock=clock)
    assert status is not None
    return status


async def test_another_process_reads_what_the_supervisor_was_told(tmp_path: Path):
    clock = FakeClock()
    async with told(tmp_path, clock, VIEW):
        status = status_of(tmp_path, clock)
        assert status.views == (VIEW,)
        assert status.age_ns == 0
        assert not status.is_old


async def test_what_waits_for_others_is_there_from_the_start(tmp_path: Path):
    clock = FakeClock()
    async with told(tmp_path, clock):
        (view,) = status_of(tmp_path, clock).views
        assert (view.name, view.state) == ("scanner", ProcessState.WAITING)


async def test_a_change_is_written_and_the_file_is_its_owners_alone(tmp_path: Path):
    clock = FakeClock()
    async with told(tmp_path, clock, VIEW) as file:
        sick = ProcessView(name="scanner", state=ProcessState.UNHEALTHY, address="", status="no quotes")
        file.changed(sick)
        await eventually(lambda: status_of(tmp_path, clock).views == (sick,))
        assert stat.S_IMODE((tmp_path / "status.json").stat().st_mode) == 0o600


async def test_it_is_written_again_though_nothing_changes_so_that_its_age_says_whether_the_supervisor_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(status_file, "_SIGN_OF_LIFE_S", 0.02)
    monkeypatch.setattr(status_file, "_WRITE_EVERY_S", 0.01)
    clock = FakeClock()
    async with told(tmp_path, clock, VIEW):
        clock.advance_ns(OLD_NS_MIN + 1)
        await eventually(lambda: status_of(tmp_path, clock).age_ns == 0)


async def test_one_that_cannot_be_written_grows_old_and_is_written_again_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(status_file, "_SIGN_OF_LIFE_S", 0.02)
    monkeypatch.setattr(status_file, "_WRITE_EVERY_S", 0.01)
    clock, attempts = FakeClock(), []
    real = status_file.replace_file

    def full(*_: object, **__: object) -> None:
        attempts.append(1)
        raise OSError(28, "No space left on device")

    async with told(tmp_path, clock, VIEW):
        monkeypatch.setattr(status_file, "replace_file", full)
        await eventually(lambda: len(attempts) > 1)
        clock.advance_ns(OLD_NS_MIN + 1)
        assert status_of(tmp_path, clock).is_old
        assert status_of(tmp_path, clock).views == (VIEW,)
        monkeypatch.setattr(status_file, "replace_file", real)
        await eventually(lambda: not status_of(tmp_path, clock).is_old)


async def test_uptime_is_by_the_readers_clock_also_where_that_is_another(tmp_path: Path):
    clock = FakeClock()
    async with told(tmp_path, clock, VIEW):
        path = tmp_path / "status.json"
        content = json.loads(path.read_text())
        written_mono_ns = content["monoNs"]
        path.write_text(json.dumps(content | {"bootId": 1}))
        elsewhere = FakeClock(mono_ns=5 * SECOND_NS, unix_ns=clock.unix_ns() + 2 * SECOND_NS)
        (view,) = status_of(tmp_path, elsewhere).views
        assert view.started_mono_ns is not None
        uptime_ns = elsewhere.mono_ns() - view.started_mono_ns
        assert uptime_ns == written_mono_ns - 990 * SECOND_NS + 2 * SECOND_NS


async def test_it_is_gone_when_the_supervisor_ends(tmp_path: Path):
    async with told(tmp_path, FakeClock(), VIEW):
        pass
    assert list(tmp_path.iterdir()) == []


async def test_the_file_of_one_that_was_killed_says_nothing(tmp_path: Path):
    clock = FakeClock()
    async with told(tmp_path, clock, VIEW):
        left = (tmp_path / "status.json").read_bytes()
    (tmp_path / "status.json").write_bytes(left)
    (tmp_path / "up.json").write_text('{"pid": 1, "environment": {}}')
    assert read_status(tmp_path, clock=clock) is None
    content = json.loads(left)
    (tmp_path / "status.json").write_text(json.dumps(content | {"pid": content["pid"] + 1}))
    with take_data_folder(tmp_path, {}):
        assert status_of(tmp_path, clock).views == ()
        assert status_of(tmp_path, clock).is_old


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": null, "processes": 3}'])
def test_a_damaged_file_is_a_supervisor_of_which_nothing_is_known(tmp_path: Path, content: str):
    (tmp_path / "status.json").write_text(content)
    with take_data_folder(tmp_path, {}):
        status = status_of(tmp_path, FakeClock())
        assert status.views == ()
        assert status.is_old
