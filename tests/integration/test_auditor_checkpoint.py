"""The auditor's checkpoint against a real server: a start reads what came since, and everything whenever it must."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.results import result, round_trip
from fakes.waiting import eventually

from pipeline.auditor.checkpoint import Checkpoint, CheckpointFile
from pipeline.auditor.ledger import DAY_NS, Ledger
from pipeline.auditor.reading import Books, keep_books, read_results
from pipeline.auditor.reports import publish_reports, report_path, reported_days
from pipeline.auditor.usd import SolPrices
from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Stream
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

CAPITAL = 10**9
PRICES = SolPrices(load_tokens())
YESTERDAY = SYSTEM_CLOCK.unix_ns() // DAY_NS - 2
"""Surely over, also at midnight."""


@contextlib.asynccontextmanager
async def auditor(bus: Bus, folder: Path) -> AsyncIterator[Books]:
    """The books of a started auditor, once they are whole; killed at the end."""
    books = Books(capital_lamports=CAPITAL, prices=PRICES, reported_days=reported_days(folder))
    file = CheckpointFile(folder / "checkpoint", PRICES)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    tasks = [
        asyncio.create_task(keep_books(bus, books, file, on_change=lambda: None, interval_s=0.01)),
        asyncio.create_task(publish_reports(books, folder, clock=SYSTEM_CLOCK)),
    ]
    try:
        async with asyncio.timeout(60):
            await books.caught_up.wait()
        yield books
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(lambda: None)  # what its thread has begun to write is written


def kept_in(folder: Path) -> Checkpoint | None:
    return CheckpointFile(folder / "checkpoint", PRICES).load()


async def traded(bus: Bus, count: int, *, first_number: int = 0, day: int = YESTERDAY) -> None:
    """Some of them with a price, in two runs."""
    for number in range(first_number, first_number + count):
        at = day * DAY_NS + number
        one = (
            round_trip(10**10, 1_234_567_890, 10**10 + number, number=number, finished_unix_ns=at)
            if number % 3
            else result(-number, number=number, finished_unix_ns=at)
        )
        await bus.publish(replace(one, run_id=f"run-{number % 2}"))


async def started_reads(bus: Bus, folder: Path) -> int:
    """How many results an auditor reads at its start; its books are those of a whole reading, and its place is kept."""
    async with auditor(bus, folder) as books:
        runs = {run_id: sums.ledger for run_id, sums in books._runs.by_run.items()}
        for run_id, ledger in runs.items():
            of_run = [one async for one in read_results(bus) if one.run_id == run_id]
            whole = Ledger.of(of_run, capital_lamports=CAPITAL)
            whole.run_id = run_id
            assert ledger == whole
        await eventually(lambda: (kept := kept_in(folder)) is not None and kept.place == books.place)
        return books.taken_count


async def test_a_start_reads_only_what_came_since_the_checkpoint_and_knows_the_same(bus: Bus, tmp_path: Path) -> None:
    await traded(bus, 200)
    assert await started_reads(bus, tmp_path) == 200
    await traded(bus, 2, first_number=200)
    assert await started_reads(bus, tmp_path) == 2
    assert await started_reads(bus, tmp_path) == 0


async def test_what_is_no_result_is_a_place_to_go_on_from_too(bus: Bus, tmp_path: Path) -> None:
    await traded(bus, 5)
    await bus.publish_bytes("executed.SOL-USDC.00", b"garbage", {})
    assert await started_reads(bus, tmp_path) == 6
    assert await started_reads(bus, tmp_path) == 0


async def test_a_run_keeps_what_the_stream_has_dropped_since_as_if_the_auditor_had_not_stopped(
    bus: Bus, tmp_path: Path
) -> None:
    await traded(bus, 10)
    assert await started_reads(bus, tmp_path) == 10
    await bus.jetstream.purge_stream(Stream.EXECUTED, seq=8)
    async with auditor(bus, tmp_path) as books:
        assert books.taken_count == 0
        assert sum(sums.ledger.trade_count for sums in books._runs.by_run.values()) == 10


async def test_a_checkpoint_of_a_stream_that_was_made_anew_is_refused(bus: Bus, tmp_path: Path) -> None:
    await traded(bus, 5)
    assert await started_reads(bus, tmp_path) == 5
    await bus.jetstream.delete_stream(Stream.EXECUTED)
    await repair(bus, STREAMS)
    await traded(bus, 7, first_number=20)
    assert await started_reads(bus, tmp_path) == 7


async def test_a_checkpoint_of_results_that_the_stream_lost_is_refused(bus: Bus, tmp_path: Path) -> None:
    """As after a power failure: the stream's end is gone, and other results have its sequences."""
    await traded(bus, 5)
    assert await started_reads(bus, tmp_path) == 5
    kept = kept_in(tmp_path)
    assert kept is not None
    for other in (
        replace(kept, event_id=bytes(16).hex()),
        replace(kept, place=replace(kept.place, sequence=6)),
        replace(kept, place=replace(kept.place, created="2020-01-01T00:00:00+00:00")),
        replace(kept, capital_lamports=5),
        replace(kept, prices=""),
    ):
        assert CheckpointFile(tmp_path / "checkpoint", PRICES).save(other)
        assert await started_reads(bus, tmp_path) == 5


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.chmod(0o644), id="others may read it"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-20]), id="cut off"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes().replace(b":5", b":6", 1)), id="changed"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: (path.unlink(), os.mkfifo(path, 0o600)), id="a pipe"),
    ],
)
async def test_a_spoilt_checkpoint_is_set_aside_and_everything_counted(
    bus: Bus, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    await traded(bus, 5)
    assert await started_reads(bus, tmp_path) == 5
    spoil(tmp_path / "checkpoint")
    assert await started_reads(bus, tmp_path) == 5
    assert (tmp_path / "checkpoint.refused").exists()
    assert await started_reads(bus, tmp_path) == 0


async def reported_and_kept(bus: Bus, folder: Path) -> bytes:
    """The report of yesterday, which the checkpoint takes for written."""
    async with auditor(bus, folder):
        await eventually(report_path(folder, YESTERDAY).exists)
        await bus.publish(result(1, number=999, finished_unix_ns=SYSTEM_CLOCK.unix_ns()))
        await eventually(lambda: (kept := kept_in(folder)) is not None and YESTERDAY in kept.days.reported)
    return report_path(folder, YESTERDAY).read_bytes()


async def test_a_report_that_is_deleted_is_written_again_although_the_checkpoint_has_its_day_behind_it(
    bus: Bus, tmp_path: Path
) -> None:
    await traded(bus, 20)
    content = await reported_and_kept(bus, tmp_path)
    report_path(tmp_path, YESTERDAY).unlink()
    async with auditor(bus, tmp_path) as books:
        assert books.taken_count == 21
        await eventually(report_path(tmp_path, YESTERDAY).exists)
    assert report_path(tmp_path, YESTERDAY).read_bytes() == content


async def test_for_a_report_whose_day_the_stream_no_longer_has_whole_nothing_is_counted_again(
    bus: Bus, tmp_path: Path
) -> None:
    await traded(bus, 20)
    await reported_and_kept(bus, tmp_path)
    report_path(tmp_path, YESTERDAY).unlink()
    await bus.jetstream.purge_stream(Stream.EXECUTED, seq=3)
    async with auditor(bus, tmp_path) as books:
        assert books.taken_count == 0
        assert sum(sums.ledger.trade_count for sums in books._runs.by_run.values()) == 21
        assert YESTERDAY not in books.days.ended(SYSTEM_CLOCK.unix_ns(), day_count_max=31)
    assert not report_path(tmp_path, YESTERDAY).exists()
