"""Syncs of the log of endings: one at a time, shared, and none for what the stream has."""

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.plans import plan
from fakes.waiting import DEADLINE_S, eventually

from pipeline.costs import costs_of_plan
from pipeline.executor import log_sync
from pipeline.executor.log_sync import LogSync
from pipeline.executor.result import refused, result_of
from pipeline.executor.result_log import ResultLog
from pipeline.settings import CostSettings
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import ExecutionMode, ExecutionResult

RATES = CostSettings.load(environ={}).rates()


def result(number: int) -> ExecutionResult:
    one = plan(number)
    costs = costs_of_plan(one, RATES)
    mode = ExecutionMode.PAPER
    return result_of(one, refused("old"), costs, mode=mode, executor="x", taken_unix_ns=1, clock=SYSTEM_CLOCK)


@pytest.fixture(autouse=True)
def _grace_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sync, "GRACE_S", 0.02)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ResultLog]:
    with ResultLog(tmp_path) as opened:
        yield opened


class Disk:
    """Counts the syncs that have begun, and holds them until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun_count = 0
        self.goes = threading.Event()
        monkeypatch.setattr(os, "fdatasync", self._sync)

    def _sync(self, _: int) -> None:
        self.begun_count += 1
        assert self.goes.wait(DEADLINE_S)


async def test_what_is_kept_during_a_sync_shares_the_next(log: ResultLog, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, sync = Disk(monkeypatch), LogSync(log)
    log.keep(result(0))
    first = sync.begin(result(0).plan_id)
    assert sync.is_waiting(first)
    await eventually(lambda: disk.begun_count == 1)
    assert not sync.is_waiting(first)
    for number in (1, 2, 3):
        log.keep(result(number))
    shared = {sync.begin(result(number).plan_id) for number in (1, 2, 3)}
    assert len(shared) == 1
    disk.goes.set()
    await asyncio.gather(first, *shared)
    assert disk.begun_count == 2


async def test_what_the_stream_has_by_then_is_not_synced(log: ResultLog, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, sync = Disk(monkeypatch), LogSync(log)
    log.keep(result(0))
    first = sync.begin(result(0).plan_id)
    await eventually(lambda: disk.begun_count == 1)
    log.keep(result(1))
    second = sync.begin(result(1).plan_id)
    log.strike_out(result(1).plan_id)
    disk.goes.set()
    await asyncio.gather(first, second)
    assert disk.begun_count == 1


async def test_a_disk_that_fails_tells_everybody_who_waits(log: ResultLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    sync = LogSync(log)
    log.keep(result(0))
    with pytest.raises(OSError, match="input/output"):
        await sync.begin(result(0).plan_id)
    log.keep(result(1))
    with pytest.raises(OSError, match="input/output"):
        await sync.begin(result(1).plan_id)


async def test_who_closes_waits_for_what_is_owed_and_for_no_grace(
    log: ResultLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_sync, "GRACE_S", 10 * DEADLINE_S)
    disk, sync = Disk(monkeypatch), LogSync(log)
    disk.goes.set()
    log.keep(result(0))
    sync.begin(result(0).plan_id)
    async with asyncio.timeout(DEADLINE_S):
        await sync.close()
    assert disk.begun_count == 1
