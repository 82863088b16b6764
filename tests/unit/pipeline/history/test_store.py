"""Rows and place change together or not at all, in both databases."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from fakes.history import LIFE, SPAN_NS, HistoryKept, all_rows, followed, history_kept, table_rows, write_batch
from fakes.results import result

from pipeline.history.database import HistoryDatabase
from pipeline.history.errors import PlaceMoved
from pipeline.history.settings import HistorySettings
from pipeline.history.store import Written, place_of, prune, rewind
from pipeline.history.tables import events, rejections, service_metrics, trade_routes, trades
from quote_core.bus.follow import Followed, Place
from quote_core.events import (
    ExecutionResult,
    Header,
    Hop,
    Rejection,
    RejectionCount,
    ServiceHealth,
    Stream,
    derived_id,
)
from quote_core.quotes import Provenance

EXECUTED = Stream.EXECUTED
MINT = "So11111111111111111111111111111111111111112"


def hop(amount: int) -> Hop:
    return Hop(
        pool_id=MINT,
        input_mint=MINT,
        output_mint=MINT,
        input_amount=amount,
        output_amount=amount + 1,
        provenance=Provenance.SYNTHETIC,
    )


def routed(number: int, *, profit: int = 0, amount: int = 7) -> ExecutionResult:
    return dataclasses.replace(result(profit, number=number), hops=(hop(amount), hop(amount + 1)))


def health(
    service: str = "planner",
    *,
    handled: int = 3,
    memory: int = 10,
    serving: bool = True,
    rejected: tuple[RejectionCount, ...] = (),
) -> ServiceHealth:
    return ServiceHealth(
        header=Header(event_id=derived_id("health", 1), created_unix_ns=1, slot=0),
        service=service,
        instance="77",
        serving=serving,
        detail="",
        uptime_ms=1,
        window_ms=1_000,
        handled_count=handled,
        error_count=1,
        rpc_call_count=2,
        rpc_failure_count=0,
        memory_used_bytes=memory,
        memory_limit_bytes=2**64 - 1,
        slot_drift=4,
        rejected=rejected,
    )


def test_a_batch_is_written_with_its_routes_and_its_place(database: HistoryDatabase) -> None:
    written = write_batch(database, EXECUTED, [followed(routed(1), 5), followed(routed(2), 9)], before=None)
    assert written == Written(trade_count=2, repeated_count=0)
    assert place_of(database, EXECUTED) == Place(LIFE, 9)
    assert place_of(database, Stream.METRICS) is None
    assert len(table_rows(database, events)) == 2
    assert [row[1:] for row in table_rows(database, trade_routes)] == [
        (0, MINT, MINT, MINT, 7, 8, "SYNTHETIC"),
        (1, MINT, MINT, MINT, 8, 9, "SYNTHETIC"),
    ] * 2


def test_a_batch_that_comes_again_changes_nothing(database: HistoryDatabase) -> None:
    batch = [followed(routed(1, profit=5), 1)]
    write_batch(database, EXECUTED, batch, before=None)
    held = all_rows(database)
    with pytest.raises(PlaceMoved):
        write_batch(database, EXECUTED, batch, before=None)
    with pytest.raises(PlaceMoved):
        write_batch(database, EXECUTED, batch, before=Place(LIFE, 0))
    assert all_rows(database) == held


def test_of_two_writers_of_one_database_each_batch_is_one_s(kept: HistoryKept) -> None:
    first, second = kept.open(), kept.open()
    write_batch(first, EXECUTED, [followed(result(number=1), 1)], before=None)
    write_batch(second, EXECUTED, [followed(result(number=2), 2)], before=Place(LIFE, 1))
    with pytest.raises(PlaceMoved):
        write_batch(first, EXECUTED, [followed(result(number=2), 2)], before=Place(LIFE, 1))
    assert len(table_rows(first, trades)) == 2


def test_a_batch_that_fails_half_way_leaves_neither_rows_nor_place(
    database: HistoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.history.store._add_work", fails)
        with pytest.raises(RuntimeError):
            write_batch(database, EXECUTED, [followed(routed(1), 1)], before=None)
    assert not any(all_rows(database).values())
    write_batch(database, EXECUTED, [followed(routed(1), 1)], before=None)
    assert len(table_rows(database, trade_routes)) == 2


def test_a_plan_s_second_result_is_counted_and_neither_it_nor_its_route_written(database: HistoryDatabase) -> None:
    batch = [followed(routed(1, profit=5), 1), followed(routed(1, profit=6, amount=70), 2)]
    assert write_batch(database, EXECUTED, batch, before=None) == Written(1, 1)
    again = [followed(routed(1, profit=9, amount=700), 3), followed(routed(2), 4)]
    assert write_batch(database, EXECUTED, again, before=Place(LIFE, 2)) == Written(1, 1)
    with database.reading() as connection:
        profits = connection.execute(trades.select().order_by(trades.c.sequence)).all()
    assert [row.profit_lamports for row in profits] == [5, 0]
    assert {row[5] for row in table_rows(database, trade_routes)} == {7, 8}


def test_a_stream_made_anew_is_added_to_what_was_of_its_former_life(database: HistoryDatabase) -> None:
    write_batch(database, EXECUTED, [followed(result(number=1), 1)], before=None)
    write_batch(database, EXECUTED, [followed(result(number=2), 1, life="later")], before=Place(LIFE, 1))
    assert place_of(database, EXECUTED) == Place("later", 1)
    assert len(table_rows(database, events)) == len(table_rows(database, trades)) == 2


def test_what_is_no_event_is_kept_as_bytes_and_no_trade(database: HistoryDatabase) -> None:
    write_batch(database, EXECUTED, [Followed(LIFE, "executed.x.y", 1, 5, b"\0garbage", 0)], before=None)
    assert table_rows(database, events) == [("EXECUTED", LIFE, 1, 5, "executed.x.y", "", "", "", b"\0garbage")]
    assert not table_rows(database, trades)


def test_amounts_are_exact_to_the_last_unit_of_their_fields(database: HistoryDatabase) -> None:
    amounts = (0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1)
    results = [
        dataclasses.replace(result(profit, number=number), amount_in=amount, hops=(), finished_unix_ns=amount)
        for number, (amount, profit) in enumerate(zip(amounts, (0, -1, 2**53 + 1, 2**63 - 1, -(2**63), 1), strict=True))
    ]
    write_batch(database, EXECUTED, [followed(one, at + 1) for at, one in enumerate(results)], before=None)
    with database.reading() as connection:
        found = connection.execute(trades.select().order_by(trades.c.amount_in)).all()
    assert [row.amount_in for row in found] == list(amounts)
    assert [row.profit_lamports for row in found] == [one.profit_lamports for one in results]
    assert {type(row.amount_in) for row in found} == {int}


def test_text_with_a_character_that_postgresql_refuses_is_kept_without_it(database: HistoryDatabase) -> None:
    spoilt = dataclasses.replace(result(number=1), reason="a\0b", executor="\N{PILE OF POO}'; DROP TABLE trades; --")
    write_batch(database, EXECUTED, [followed(spoilt, 1)], before=None)
    with database.reading() as connection:
        (row,) = connection.execute(trades.select()).all()
    assert (row.reason, row.executor) == ("a\N{REPLACEMENT CHARACTER}b", spoilt.executor)


def test_work_is_added_up_over_its_span_whatever_the_batches(database: HistoryDatabase) -> None:
    reports = [
        followed(health(handled=3, memory=2**63 + 5), 1, stored_unix_ns=SPAN_NS),
        followed(health(handled=4, memory=9, serving=False), 2, stored_unix_ns=SPAN_NS + 1),
        followed(health(handled=5), 3, stored_unix_ns=2 * SPAN_NS - 1),
        followed(health(handled=6), 4, stored_unix_ns=2 * SPAN_NS),
        followed(health("scanner", handled=1), 5, stored_unix_ns=SPAN_NS),
    ]
    write_batch(database, Stream.METRICS, reports[:2], before=None)
    write_batch(database, Stream.METRICS, reports[2:], before=Place(LIFE, 2))
    assert table_rows(database, service_metrics) == [
        ("planner", "77", SPAN_NS, SPAN_NS, 3, 1, 3_000, 12, 3, 6, 0, 2**63 + 5, 2**64 - 1, 4, 0),
        ("planner", "77", SPAN_NS, 2 * SPAN_NS, 1, 0, 1_000, 6, 1, 2, 0, 10, 2**64 - 1, 4, 0),
        ("scanner", "77", SPAN_NS, SPAN_NS, 1, 0, 1_000, 1, 1, 2, 0, 10, 2**64 - 1, 4, 0),
    ]


def test_of_the_planner_s_rejections_the_highest_total_of_a_span_is_kept(database: HistoryDatabase) -> None:
    totals = [(1, SPAN_NS), (2**64 - 1, SPAN_NS + 1), (2**63, SPAN_NS + 2), (7, 2 * SPAN_NS)]
    for sequence, (total, at) in enumerate(totals, 1):
        report = health(rejected=(RejectionCount(reason=Rejection.RISK, count=total),))
        before = Place(LIFE, sequence - 1) if sequence > 1 else None
        write_batch(database, Stream.METRICS, [followed(report, sequence, stored_unix_ns=at)], before=before)
    assert table_rows(database, rejections) == [
        ("planner", "77", SPAN_NS, SPAN_NS, "RISK", 2**64 - 1),
        ("planner", "77", SPAN_NS, 2 * SPAN_NS, "RISK", 7),
    ]


def test_what_is_older_than_the_settings_keep_is_deleted_with_its_routes(
    kept: HistoryKept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.history.store.PRUNED_COUNT_MAX", 3)
    database = kept.open()
    write_batch(database, EXECUTED, [followed(routed(number), number) for number in range(1, 11)], before=None)
    settings = HistorySettings(trades_keep="4s", events_keep="2s", metrics_keep="0s")
    assert prune(database, settings, now_unix_ns=11 * 10**9) == 6 + 8
    assert [row.sequence for row in sorted(_trades(database), key=lambda row: row.sequence)] == [7, 8, 9, 10]
    assert len(table_rows(database, trade_routes)) == 8
    assert [row[2] for row in table_rows(database, events)] == [9, 10]
    assert place_of(database, EXECUTED) == Place(LIFE, 10)
    assert prune(database, settings, now_unix_ns=11 * 10**9) == 0


def test_nothing_is_deleted_where_the_settings_keep_for_ever(database: HistoryDatabase) -> None:
    write_batch(database, EXECUTED, [followed(routed(1), 1)], before=None)
    write_batch(database, Stream.METRICS, [followed(health(), 1)], before=None)
    settings = HistorySettings(trades_keep="0s", events_keep="0s", metrics_keep="0s")
    assert prune(database, settings, now_unix_ns=2**62) == 0
    settings = HistorySettings(trades_keep="0s", events_keep="0s", metrics_keep="1h")
    assert prune(database, settings, now_unix_ns=2**62) == 1


def test_of_a_file_that_grows_too_large_the_oldest_events_go_first_then_the_oldest_trades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.history.store.PRUNED_COUNT_MAX", 100)
    for kept in history_kept("sqlite", tmp_path, lambda: pytest.fail("not asked for")):
        database = kept.open()
        batch = [followed(routed(number), number) for number in range(1, 3_001)]
        write_batch(database, EXECUTED, batch, before=None)
        full_bytes = database.used_bytes()
        bytes_max = full_bytes * 9 // 10
        deleted_count = prune(database, HistorySettings(sqlite_max_bytes=bytes_max), now_unix_ns=0)
        assert bytes_max * 9 // 10 < database.used_bytes() <= bytes_max
        assert [row[2] for row in table_rows(database, events)] == list(range(deleted_count + 1, 3_001))
        assert len(table_rows(database, trades)) == 3_000
        prune(database, HistorySettings(sqlite_max_bytes=2**20), now_unix_ns=0)
        assert not table_rows(database, events)
        left = [row.sequence for row in sorted(_trades(database), key=lambda row: row.sequence)]
        assert left == list(range(3_001 - len(left), 3_001))
        assert 0 < len(left) < 3_000


def test_rewinding_forgets_what_the_stream_still_has_and_nothing_older(database: HistoryDatabase) -> None:
    write_batch(database, EXECUTED, [followed(routed(number), number) for number in range(1, 6)], before=None)
    write_batch(database, Stream.PLANNED, [followed(routed(9), 4)], before=None)
    held = all_rows(database)
    assert rewind(database, EXECUTED, first=Place(LIFE, 3)) == 3
    assert sorted(row.sequence for row in _trades(database)) == [1, 2]
    assert place_of(database, EXECUTED) == Place(LIFE, 2)
    write_batch(database, EXECUTED, [followed(routed(number), number) for number in range(3, 6)], before=Place(LIFE, 2))
    assert all_rows(database) == held


def test_a_stream_that_was_never_written_or_is_of_another_life_is_not_rewound(database: HistoryDatabase) -> None:
    assert rewind(database, EXECUTED, first=Place(LIFE, 1)) == 0
    write_batch(database, EXECUTED, [followed(routed(1), 1)], before=None)
    assert rewind(database, EXECUTED, first=Place("later", 1)) == 0
    assert len(_trades(database)) == 1


def _trades(database: HistoryDatabase) -> list[Any]:
    with database.reading() as connection:
        return list(connection.execute(trades.select()))
