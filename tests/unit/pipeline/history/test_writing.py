"""The task that keeps the history written, where a failure and its end come at once."""

import asyncio
import contextlib
from pathlib import Path
from typing import cast

import pytest
from fakes.waiting import DEADLINE_S

from pipeline.history import writing as writing_module
from pipeline.history.errors import HistoryUnavailable, PlaceMoved
from pipeline.history.settings import HistorySettings
from pipeline.history.writing import HistoryWriting
from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.settings import PlatformSettings


@pytest.mark.parametrize("failure", [PlaceMoved("EXECUTED"), HistoryUnavailable("the disk is full")])
async def test_it_ends_when_told_to_in_the_moment_of_a_failure(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Python 3.13 a `TaskGroup` then tells of the failure alone, and the writing went on for ever."""
    monkeypatch.setattr(writing_module, "RETRY_S", 0.0)

    async def fails(_: HistoryWriting, __: Bus) -> None:
        async def stream() -> None:
            task.cancel()
            raise failure

        async with asyncio.TaskGroup() as streams:
            streams.create_task(stream())

    monkeypatch.setattr(HistoryWriting, "_write", fails)
    writing = HistoryWriting(PlatformSettings(data_dir=tmp_path), HistorySettings(), clock=SYSTEM_CLOCK)
    task = asyncio.create_task(writing.run(cast("Bus", None)))
    done, _ = await asyncio.wait((task,), timeout=DEADLINE_S)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert done == {task}
