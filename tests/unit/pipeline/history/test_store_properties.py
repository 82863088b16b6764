"""Whatever results a stream has, and however they come in batches: the rows are the same, and so is the account."""

from pathlib import Path

import pytest
from fakes.event_strategies import instances
from fakes.history import HistoryKept, all_rows, write_batch
from fakes.postgresql import PostgresServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.auditor.ledger import Ledger
from pipeline.history.queries import TradeQuery, find_trades
from pipeline.history.rows import result_of
from pipeline.history.settings import HistorySettings
from quote_core.bus.follow import Followed, Place
from quote_core.events import ExecutionResult, ServiceHealth, Stream, encode
from quote_core.settings import PlatformSettings

_CAPITAL_LAMPORTS = 10**11
_RESULTS = st.lists(instances(ExecutionResult), min_size=1, max_size=8, unique_by=lambda result: result.plan_id)
_REPORTS = st.lists(instances(ServiceHealth), min_size=1, max_size=8)
_CUTS = st.lists(st.integers(1, 3), min_size=8, max_size=8)


def parts(batch: list[Followed], cuts: list[int]) -> list[list[Followed]]:
    left, found = batch, []
    for cut in cuts:
        if left:
            found.append(left[:cut])
            left = left[cut:]
    return found


def written(kept: HistoryKept, stream: Stream, batches: list[list[Followed]]) -> HistoryKept:
    database, before = kept.open(), None
    for batch in batches:
        write_batch(database, stream, batch, before=before)
        before = Place(batch[-1].created, batch[-1].sequence)
    return kept


def sqlite(folder: Path, name: str) -> HistoryKept:
    path = folder / f"{name}.db"
    path.unlink(missing_ok=True)
    return HistoryKept(PlatformSettings(data_dir=folder), HistorySettings(url=f"sqlite:///{path}"), [])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(results=_RESULTS, cuts=_CUTS)
def test_any_results_give_the_same_rows_in_any_batches_and_the_same_account(
    tmp_path: Path, results: list[ExecutionResult], cuts: list[int]
) -> None:
    batch = [_unchecked(result, at) for at, result in enumerate(results, 1)]
    one = written(sqlite(tmp_path, "one"), Stream.EXECUTED, [batch]).opened[0]
    several = written(sqlite(tmp_path, "several"), Stream.EXECUTED, parts(batch, cuts)).opened[0]
    assert all_rows(one) == all_rows(several)
    read = [result_of(row) for row in find_trades(one, TradeQuery())]
    assert Ledger.of(read, capital_lamports=_CAPITAL_LAMPORTS) == Ledger.of(results, capital_lamports=_CAPITAL_LAMPORTS)
    one.close()
    several.close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(reports=_REPORTS, cuts=_CUTS)
def test_any_reports_of_work_add_up_to_the_same_in_any_batches(
    tmp_path: Path, reports: list[ServiceHealth], cuts: list[int]
) -> None:
    batch = [_unchecked(report, at) for at, report in enumerate(reports, 1)]
    one = written(sqlite(tmp_path, "one"), Stream.METRICS, [batch]).opened[0]
    several = written(sqlite(tmp_path, "several"), Stream.METRICS, parts(batch, cuts)).opened[0]
    assert all_rows(one) == all_rows(several)
    one.close()
    several.close()


@pytest.mark.integration
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(results=_RESULTS, reports=_REPORTS)
def test_postgresql_has_the_very_rows_that_sqlite_has(
    tmp_path: Path, postgres: PostgresServer, results: list[ExecutionResult], reports: list[ServiceHealth]
) -> None:
    url = postgres.url(postgres.new_database())
    other = HistoryKept(PlatformSettings(data_dir=tmp_path), HistorySettings(url=url), [])
    one = sqlite(tmp_path, "one")
    for kept in (one, other):
        written(kept, Stream.EXECUTED, [[_unchecked(result, at) for at, result in enumerate(results, 1)]])
        written(kept, Stream.METRICS, [[_unchecked(report, at) for at, report in enumerate(reports, 1)]])
    assert all_rows(one.opened[0]) == all_rows(other.opened[0])
    for database in (*one.opened, *other.opened):
        database.close()


def _unchecked(event: ExecutionResult | ServiceHealth, sequence: int) -> Followed:
    """An event on a subject of anybody's, since any text makes no subject."""
    return Followed("life", "executed.any", sequence, sequence * 10**9, encode(event), 0)
