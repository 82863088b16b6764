"""The auditor as a process: killed at any moment, its database too, every result is one row; no secret is seen."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.history import KINDS, HistoryKept, all_rows, history_kept
from fakes.nats_server import NatsServer
from fakes.pipeline_process import Child, pipeline_process, until
from fakes.postgresql import PASSWORD, QUOTED_PASSWORD, PostgresServer, postgres_running
from fakes.results import result

from pipeline.auditor.ledger import Ledger
from pipeline.auditor.reading import read_results
from pipeline.history.database import HistoryDatabase
from pipeline.history.errors import HistoryUnavailable
from pipeline.history.queries import TradeQuery, find_trades
from pipeline.history.rows import result_of
from quote_core.bus import Bus
from quote_core.bus.follow import read_to_end
from quote_core.events import Stream

pytestmark = pytest.mark.integration
CAPITAL_LAMPORTS = 10**12
KILLS = 6


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_running() as server:
        yield server


@pytest.fixture(params=KINDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HistoryKept]:
    yield from history_kept(request.param, tmp_path / "data", lambda: request.getfixturevalue("postgres"))


def environment(kept: HistoryKept, nats_server: NatsServer) -> dict[str, str]:
    return {
        "SOLQUOTE_DATA_DIR": str(kept.platform.data_dir),
        "SOLQUOTE_NATS_URL": nats_server.url,
        "SOLQUOTE_HISTORY_URL": kept.settings.url,
        "SOLQUOTE_AUDITOR_METRICS_PORT": "0",
        "SOLQUOTE_LOG_LEVEL": "info",
    }


def trade_count(kept: HistoryKept) -> int:
    with contextlib.closing(HistoryDatabase(kept.platform, kept.settings)) as database:
        try:
            return sum(1 for _ in find_trades(database, TradeQuery()))
        except HistoryUnavailable:
            return 0


async def test_killed_again_and_again_every_result_is_one_row_to_the_lamport(
    bus: Bus, nats_server: NatsServer, kept: HistoryKept, tmp_path: Path
) -> None:
    chance = random.Random(7)
    numbers = itertools.count()
    for _ in range(KILLS):
        held_count = trade_count(kept)
        async with pipeline_process("auditor", tmp_path, environment(kept, nats_server)) as auditor:
            wanted_count = held_count + chance.randrange(1, 30)
            while trade_count(kept) < wanted_count:
                batch = [next(numbers) for _ in range(chance.randrange(1, 40))]
                await asyncio.gather(*(bus.publish(result((-1) ** one * (10**9 + one), number=one)) for one in batch))
            auditor.process.kill()
    async with pipeline_process("auditor", tmp_path, environment(kept, nats_server)):
        published_count = next(numbers)
        await until(lambda: trade_count(kept) == published_count)
    database = kept.open()
    stream = [message async for message in read_to_end(bus, Stream.EXECUTED)]
    rows = all_rows(database)
    assert [(row[2], row[8]) for row in rows["events"]] == [(one.sequence, one.data) for one in stream]
    assert len(rows["trades"]) == len(stream)
    results = [one async for one in read_results(bus)]
    read = [result_of(row) for row in find_trades(database, TradeQuery())]
    assert Ledger.of(read, capital_lamports=CAPITAL_LAMPORTS) == Ledger.of(results, capital_lamports=CAPITAL_LAMPORTS)


async def test_a_database_killed_under_the_auditor_holds_up_no_account_and_its_password_is_seen_nowhere(
    bus: Bus, nats_server: NatsServer, tmp_path: Path, postgres: PostgresServer, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = next(history_kept("postgresql", tmp_path / "data", lambda: postgres))
    async with pipeline_process("auditor", tmp_path, environment(kept, nats_server)) as auditor:
        await bus.publish(result(10**9, number=0))
        await until(lambda: trade_count(kept) == 1)
        postgres.stop()
        try:
            await bus.publish(result(10**9, number=1))
            await until(lambda: auditor.said("+2.000000 SOL over 2 trades"))
            await until(lambda: auditor.said("is not written since"))
            assert not auditor.said("STOPPING")
            told = "".join(auditor.lines) + _argument_lines(auditor)
        finally:
            postgres.start()
        await until(lambda: trade_count(kept) == 2)
        assert await auditor.code_on_sigterm(seconds=20) == 0
    reported = [message.data async for message in read_to_end(bus, Stream.METRICS)]
    said = told + "".join(capfd.readouterr()) + repr(reported)
    assert "the history cannot be written" in said
    assert b"is not written since" in b"".join(reported)
    for secret in (PASSWORD, QUOTED_PASSWORD, "this%20test"):
        assert secret not in said


async def test_a_wrong_password_does_not_keep_the_auditor_from_adding_up(
    bus: Bus, nats_server: NatsServer, tmp_path: Path, postgres: PostgresServer, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = next(history_kept("postgresql", tmp_path / "data", lambda: postgres))
    url = postgres.url(kept.settings.url.rpartition("/")[2], login="solquote:correct-horse-battery")
    environ = {**environment(kept, nats_server), "SOLQUOTE_HISTORY_URL": url}
    async with pipeline_process("auditor", tmp_path, environ) as auditor:
        await bus.publish(result(10**9, number=0))
        await until(lambda: auditor.said("+1.000000 SOL over 1 trades"))
        await until(lambda: auditor.said("password authentication failed"))
    assert "correct-horse" not in "".join(auditor.lines) + "".join(capfd.readouterr())


async def test_without_a_history_the_auditor_adds_up_and_makes_no_file(
    bus: Bus, nats_server: NatsServer, tmp_path: Path
) -> None:
    kept = next(history_kept("sqlite", tmp_path / "data", lambda: pytest.fail("not asked for")))
    environ = {**environment(kept, nats_server), "SOLQUOTE_HISTORY_ENABLED": "false"}
    async with pipeline_process("auditor", tmp_path, environ) as auditor:
        await bus.publish(result(10**9, number=0))
        await until(lambda: auditor.said("+1.000000 SOL over 1 trades"))
    assert not list((tmp_path / "data").glob("history*"))


def _argument_lines(child: Child) -> str:
    return Path(f"/proc/{child.process.pid}/cmdline").read_text()
