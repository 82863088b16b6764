"""Reports as files: whole, of their owner alone, and each written once."""

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from fakes.fake_clock import FakeClock
from fakes.results import result
from fakes.waiting import DEADLINE_S

from pipeline.auditor.ledger import DAY_NS
from pipeline.auditor.reading import Books
from pipeline.auditor.reports import GRACE_NS, publish_reports, report_path, reported_days, write_once
from pipeline.auditor.usd import SolPrices
from quote_core.bus.follow import Followed
from quote_core.events import ExecutionResult, encode

DAY = 20_000
MIDNIGHT = DAY * DAY_NS
TWO_DAYS = (result(5, number=1, finished_unix_ns=MIDNIGHT + 1), result(7, number=2, finished_unix_ns=MIDNIGHT + DAY_NS))


def books_of(results: Sequence[ExecutionResult], folder: Path, *, first_sequence: int = 1) -> Books:
    """As an auditor has them that starts with this folder and has read all."""
    books = Books(capital_lamports=10**9, prices=SolPrices(()), reported_days=reported_days(folder))
    for sequence, one in enumerate(results, start=first_sequence):
        books.take(Followed("now", "executed.SOL-USDC.00", sequence, 1, encode(one), 0))
    books.caught_up.set()
    return books


@contextlib.asynccontextmanager
async def publishing(books: Books, folder: Path, clock: FakeClock) -> AsyncIterator[None]:
    task = asyncio.create_task(publish_reports(books, folder, clock=clock))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def appears(path: Path) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not path.exists():  # noqa: ASYNC110  # what is awaited happens in a thread
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.auditor.reports.LOOK_S", 0.001)


async def test_a_day_is_published_when_it_has_ended_and_the_last_results_have_come(tmp_path: Path) -> None:
    clock = FakeClock(unix_ns=MIDNIGHT + DAY_NS + GRACE_NS - 1)
    path = report_path(tmp_path, DAY)
    async with publishing(books_of(TWO_DAYS, tmp_path), tmp_path, clock):
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not path.exists()
        clock.advance_ns(1)
        await appears(path)
        clock.advance_ns(DAY_NS)
        await appears(report_path(tmp_path, DAY + 1))
    profits = [
        [
            run["summary"]["cumulativeProfitLamports"]
            for run in json.loads(report_path(tmp_path, day).read_bytes())["runs"]
        ]
        for day in (DAY, DAY + 1)
    ]
    assert profits == [[5], [7]]
    assert sorted(os.listdir(tmp_path)) == ["pnl-2024-10-04.json", "pnl-2024-10-05.json"]


async def test_a_restart_writes_no_second_report_and_the_same_one_if_it_is_gone(tmp_path: Path) -> None:
    clock = FakeClock(unix_ns=MIDNIGHT + DAY_NS + GRACE_NS)
    path = report_path(tmp_path, DAY)
    async with publishing(books_of(TWO_DAYS, tmp_path), tmp_path, clock):
        await appears(path)
    first, inode = path.read_bytes(), path.stat().st_ino
    late = result(9, number=3, finished_unix_ns=MIDNIGHT + 2)
    again = books_of([*TWO_DAYS, late], tmp_path)
    clock.advance_ns(DAY_NS)
    async with publishing(again, tmp_path, clock):
        await appears(report_path(tmp_path, DAY + 1))
    assert (path.read_bytes(), path.stat().st_ino) == (first, inode)
    assert again.ledger.cumulative_profit_lamports == 21, "the account of the run has what came late"
    path.unlink()
    async with publishing(books_of(TWO_DAYS, tmp_path), tmp_path, clock):
        await appears(path)
    assert path.read_bytes() == first


async def test_two_auditors_of_a_folder_write_one_report(tmp_path: Path) -> None:
    clock = FakeClock(unix_ns=MIDNIGHT + DAY_NS + GRACE_NS)
    one, other = books_of(TWO_DAYS, tmp_path), books_of(TWO_DAYS, tmp_path)
    async with publishing(one, tmp_path, clock), publishing(other, tmp_path, clock):
        async with asyncio.timeout(DEADLINE_S):
            while any(book.days.ended(clock.unix_ns() - GRACE_NS, day_count_max=31) for book in (one, other)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert os.listdir(tmp_path) == ["pnl-2024-10-04.json"]


async def test_a_folder_that_cannot_be_written_is_tried_until_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.touch()  # a file, where the folder should be
    clock = FakeClock(unix_ns=MIDNIGHT + DAY_NS + GRACE_NS)
    async with publishing(books_of(TWO_DAYS, folder), folder, clock):
        for _ in range(20):
            await asyncio.sleep(0.001)
        folder.unlink()
        await appears(report_path(folder, DAY))


def test_a_message_that_is_no_result_makes_no_day_incomplete() -> None:
    books = Books(capital_lamports=10**9, prices=SolPrices(()))
    books.take(Followed("now", "executed.x", 1, 1, b"garbage", 1))
    books.take(Followed("now", "executed.x", 2, 1, encode(TWO_DAYS[0]), 0))
    assert books.days.ended(MIDNIGHT + DAY_NS, day_count_max=31) == [DAY]


async def test_a_day_whose_beginning_the_stream_has_dropped_has_no_report(tmp_path: Path) -> None:
    clock = FakeClock(unix_ns=MIDNIGHT + 2 * DAY_NS + GRACE_NS)
    async with publishing(books_of(TWO_DAYS, tmp_path, first_sequence=700), tmp_path, clock):
        await appears(report_path(tmp_path, DAY + 1))
    assert os.listdir(tmp_path) == ["pnl-2024-10-05.json"]


def test_a_report_is_written_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    path = report_path(tmp_path / "reports", DAY)
    assert path.name == "pnl-2024-10-04.json"
    assert write_once(path, {"day": "2024-10-04", "capital_lamports": 1, "runs": []})
    assert not write_once(path, {"day": "another", "runs": []})
    assert json.loads(path.read_bytes()) == {"day": "2024-10-04", "capitalLamports": 1, "runs": []}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [path.name]


def test_the_days_reported_are_those_of_the_files(tmp_path: Path) -> None:
    assert reported_days(tmp_path / "missing") == set()
    for name in ("pnl-2024-10-04.json", "pnl-2024-02-31.json", "pnl-2024-10-05.json.77", "notes.txt"):
        (tmp_path / name).touch()
    assert reported_days(tmp_path) == {DAY}


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_once(report_path(tmp_path, DAY), {})
    assert os.listdir(tmp_path) == []
