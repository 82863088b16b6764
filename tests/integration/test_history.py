"""The history beside real streams: whatever happens to database, bus or writer, the rows are those of the stream."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.history import KINDS, HistoryKept, all_rows, history_kept
from fakes.postgresql import PostgresServer, postgres_running
from fakes.results import result
from fakes.waiting import eventually
from sqlalchemy.exc import OperationalError

from pipeline.auditor.ledger import Ledger
from pipeline.auditor.reading import Books, follow_books, read_results
from pipeline.auditor.usd import SolPrices
from pipeline.history import writing as writing_module
from pipeline.history.database import HistoryDatabase
from pipeline.history.errors import HistoryUnavailable, database_errors
from pipeline.history.queries import TradeQuery, find_trades
from pipeline.history.rows import result_of
from pipeline.history.store import rewind
from pipeline.history.tables import trades
from pipeline.history.writing import HistoryWriting
from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus
from quote_core.bus.follow import first_kept
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Header, ServiceHealth, Stream, derived_id
from quote_core.units import NS_PER_S

pytestmark = pytest.mark.integration
CAPITAL_LAMPORTS = 10**9


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_running() as server:
        yield server


@pytest.fixture(params=KINDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HistoryKept]:
    yield from history_kept(request.param, tmp_path, lambda: request.getfixturevalue("postgres"))


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing_module, "LOOK_S", 0.05)
    monkeypatch.setattr(writing_module, "RETRY_S", 0.05)


@contextlib.asynccontextmanager
async def written(bus: Bus, kept: HistoryKept) -> AsyncIterator[HistoryWriting]:
    """The auditor's task of the history."""
    writing = HistoryWriting(kept.platform, kept.settings, clock=SYSTEM_CLOCK)
    task = asyncio.create_task(writing.run(bus))
    try:
        yield writing
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def publish(bus: Bus, first: int, end: int) -> None:
    for number in range(first, end):
        profit = (-1) ** number * (10**12 + number)
        await bus.publish(result(profit, number=number, finished_unix_ns=(number + 1) * NS_PER_S))


def trade_count(kept: HistoryKept) -> int:
    """As somebody sees who reads; none where there is no database."""
    with contextlib.closing(HistoryDatabase(kept.platform, kept.settings)) as database:
        try:
            with database.reading() as connection:
                return len(connection.execute(trades.select()).all())
        except HistoryUnavailable:
            return 0


def health(number: int) -> ServiceHealth:
    return ServiceHealth(
        header=Header(event_id=derived_id("health", number), created_unix_ns=1, slot=0),
        service="planner",
        instance="7",
        serving=True,
        detail="",
        uptime_ms=1,
        window_ms=1_000,
        handled_count=number,
        error_count=0,
        rpc_call_count=0,
        rpc_failure_count=0,
        memory_used_bytes=1,
        memory_limit_bytes=2,
        slot_drift=0,
    )


async def test_the_rows_give_the_account_that_the_stream_gives_to_the_lamport(bus: Bus, kept: HistoryKept) -> None:
    await publish(bus, 0, 40)
    async with written(bus, kept) as writing:
        await eventually(lambda: writing.is_whole)
        await publish(bus, 40, 60)
        await eventually(lambda: trade_count(kept) == 60)
        assert writing.detail() == ""
    rows = [result_of(row) for row in find_trades(kept.open(), TradeQuery())]
    asked = [one async for one in read_results(bus)]
    assert Ledger.of(rows, capital_lamports=CAPITAL_LAMPORTS) == Ledger.of(asked, capital_lamports=CAPITAL_LAMPORTS)
    assert [dataclasses.replace(one, header=asked[0].header) for one in rows] == [
        dataclasses.replace(one, header=asked[0].header) for one in asked
    ]


async def test_a_restart_goes_on_behind_its_place_and_repeats_nothing(bus: Bus, kept: HistoryKept) -> None:
    await publish(bus, 0, 5)
    async with written(bus, kept) as writing:
        await eventually(lambda: writing.message_count == 5)
    await publish(bus, 5, 8)
    async with written(bus, kept) as writing:
        await eventually(lambda: writing.is_whole)
        assert (writing.message_count, writing.trade_count, writing.repeated_count) == (3, 3, 0)
    assert trade_count(kept) == 8


async def test_a_database_that_is_lost_while_it_is_written_is_made_anew_with_equal_rows(
    bus: Bus, kept: HistoryKept, request: pytest.FixtureRequest
) -> None:
    await publish(bus, 0, 20)
    for number in range(6):
        await bus.publish(health(number))
    async with written(bus, kept) as writing:
        await eventually(lambda: writing.message_count == 26)
        database = kept.open()
        before = all_rows(database)
        assert all(before[name] for name in ("places", "events", "trades", "service_metrics"))
        database.close()
        lose(kept, request)
        await eventually(lambda: writing.message_count == 52)
        await eventually(lambda: writing.is_whole)
    assert all_rows(kept.open()) == before


def lose(kept: HistoryKept, request: pytest.FixtureRequest) -> None:
    database = kept.opened[-1]
    if database.is_sqlite:
        for file in database.file.parent.glob("history.db*"):
            file.unlink()
    else:
        server = request.getfixturevalue("postgres")
        name = kept.settings.url.rpartition("/")[2]
        server.ask(f"DROP DATABASE {name} WITH (FORCE)")
        server.ask(f"CREATE DATABASE {name}")


async def test_what_was_rewound_is_written_again_by_a_writer_that_runs(bus: Bus, kept: HistoryKept) -> None:
    await publish(bus, 0, 10)
    async with written(bus, kept) as writing:
        await eventually(lambda: writing.message_count == 10)
        database = kept.open()
        before = all_rows(database)
        assert rewind(database, Stream.EXECUTED, first=await first_kept(bus, Stream.EXECUTED)) == 10
        await eventually(lambda: writing.message_count == 20)
        assert all_rows(database) == before


async def test_two_auditors_on_one_database_write_each_result_once(bus: Bus, kept: HistoryKept) -> None:
    async with written(bus, kept) as first, written(bus, kept) as second:
        await publish(bus, 0, 60)
        await eventually(lambda: trade_count(kept) == 60)
        assert first.repeated_count == second.repeated_count == 0
        assert first.trade_count + second.trade_count == 60
    assert len(all_rows(kept.open())["events"]) == 60


@pytest.mark.usefixtures("silence_is_short")
async def test_a_stream_made_anew_adds_to_what_was(bus: Bus, kept: HistoryKept) -> None:
    await publish(bus, 0, 3)
    async with written(bus, kept) as writing:
        await eventually(lambda: writing.message_count == 3)
        await bus.jetstream.delete_stream(Stream.EXECUTED)
        await repair(bus, STREAMS)
        await publish(bus, 3, 5)
        await eventually(lambda: trade_count(kept) == 5)


async def test_while_the_database_is_away_the_account_goes_on_and_the_rows_catch_up(
    bus: Bus, tmp_path: Path, postgres: PostgresServer
) -> None:
    kept = next(history_kept("postgresql", tmp_path, lambda: postgres))
    books = Books(capital_lamports=CAPITAL_LAMPORTS, prices=SolPrices(()))
    adding_up = asyncio.create_task(follow_books(bus, books, on_change=lambda: None))
    try:
        async with written(bus, kept) as writing:
            await publish(bus, 0, 3)
            await eventually(lambda: writing.message_count == 3)
            postgres.stop()
            try:
                await publish(bus, 3, 9)
                await eventually(lambda: books.ledger.trade_count == 9)
                await eventually(lambda: writing.detail() != "")
                assert "127.0.0.1" in writing.detail()
                assert "ssword" not in writing.detail()
                assert not writing.is_whole
            finally:
                postgres.start()
            await eventually(lambda: trade_count(kept) == 9)
            await eventually(lambda: writing.detail() == "")
            assert writing.repeated_count == 0
    finally:
        adding_up.cancel()


async def test_a_full_disk_is_told_and_what_did_not_fit_is_written_later(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = next(history_kept("sqlite", tmp_path, lambda: pytest.fail("not asked for")))
    write = writing_module.write

    def full(*_: Any, **__: Any) -> Any:
        with database_errors():
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    async with written(bus, kept) as writing:
        await eventually(lambda: writing.is_whole)
        monkeypatch.setattr(writing_module, "write", full)
        await publish(bus, 0, 3)
        await eventually(lambda: "database or disk is full" in writing.detail())
        monkeypatch.setattr(writing_module, "write", write)
        await eventually(lambda: trade_count(kept) == 3)
        await eventually(lambda: writing.detail() == "")
