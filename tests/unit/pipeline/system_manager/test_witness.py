"""The manager's own copy of what is latched."""

import asyncio
from pathlib import Path

import pytest

from pipeline.system_manager.change import UNREADABLE
from pipeline.system_manager.witness import WitnessFile
from quote_core.events import Header, KillSwitch, TradingState


def event(revision: int) -> KillSwitch:
    return KillSwitch(
        header=Header(event_id=bytes(16), created_unix_ns=1, slot=0),
        state=TradingState.HALTED,
        trigger="manual",
        reason="",
        actor="",
        revision=revision,
        changed_unix_ns=1,
    )


async def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "latched"
    assert WitnessFile(path).load() is None
    assert await WitnessFile(path).save(event(1))
    assert WitnessFile(path).load() == event(1)
    assert [entry.name for entry in path.parent.iterdir()] == ["latched"]


async def test_of_many_saved_at_once_the_last_given_stays(tmp_path: Path) -> None:
    witness = WitnessFile(tmp_path / "latched")
    assert all(await asyncio.gather(*(witness.save(event(revision)) for revision in range(20))))
    assert WitnessFile(tmp_path / "latched").load() == event(19)


async def test_a_save_nobody_waits_for_is_finished(tmp_path: Path) -> None:
    witness = WitnessFile(tmp_path / "latched")
    saving = asyncio.create_task(witness.save(event(1)))
    await asyncio.sleep(0)
    saving.cancel()
    assert await witness.save(event(2))
    assert WitnessFile(tmp_path / "latched").load() == event(2)


@pytest.mark.parametrize("content", [b"", b"not an event"])
def test_a_file_that_cannot_be_read_is_told_from_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "latched").write_bytes(content)
    assert WitnessFile(tmp_path / "latched").load() is UNREADABLE


async def test_a_file_that_cannot_be_written_is_told_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.write_text("in the way")
    witness = WitnessFile(folder / "latched")
    assert not await witness.save(event(1))
    folder.unlink()
    assert await witness.save(event(1))
