"""Rows into the database, exactly once: a batch's rows and its stream's place change in one transaction, or neither.

| what happens                                         | then                                                        |
|------------------------------------------------------|-------------------------------------------------------------|
| the transaction ends half-way, or its answer is lost | the place says whether it counted; writing goes on behind it |
| a batch comes a second time                          | its place is not where the database is: nothing is written  |
| two auditors write one database                      | each batch is one's; the other begins anew at the new place |
| a stream was made anew                               | its rows are added to those of its former life              |
| a plan has a second result all the same              | the first one holds, the other is counted                   |
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    func,
    insert,
    select,
    true,
    tuple_,
    update,
)

from pipeline.history.database import HistoryDatabase
from pipeline.history.errors import PlaceMoved
from pipeline.history.rows import BatchRows, Row, WorkKey, merged
from pipeline.history.settings import HistorySettings
from pipeline.history.tables import events, places, rejections, service_metrics, trade_routes, trades
from quote_core.bus.follow import Place
from quote_core.events import Stream

__all__ = ["Written", "place_of", "prune", "rewind", "write"]

PRUNED_COUNT_MAX: Final = 5_000
"""Rows deleted in one transaction, so that nobody waits long for its end."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a batch came to."""

    trade_count: int
    repeated_count: int
    """Results of plans that had one."""


def place_of(database: HistoryDatabase, stream: Stream) -> Place | None:
    """How far a stream is written; `None` = not at all.

    Raises:
        HistoryUnavailable: The database does not do its part.
    """
    with database.reading() as connection:
        return _place(connection, stream)


def write(database: HistoryDatabase, stream: Stream, rows: BatchRows, *, before: Place | None, after: Place) -> Written:
    """Add a batch's rows, and move the stream's place from `before` to `after`.

    Raises:
        PlaceMoved: The place is not `before`; nothing is written.
        HistoryUnavailable: The database does not do its part; whether it is written, the place says.
    """
    with database.transaction() as connection:
        _move(connection, stream, before=before, after=after)
        if rows.events:
            connection.execute(insert(events), rows.events)
        written = _add_trades(connection, rows)
        _add_work(connection, rows.work)
        _add_rejections(connection, rows.rejections)
    return written


def _place(connection: Connection, stream: Stream) -> Place | None:
    row = connection.execute(
        select(places.c.stream_created, places.c.sequence).where(places.c.stream == stream.value)
    ).first()
    return None if row is None else Place(row.stream_created, row.sequence)


def _move(connection: Connection, stream: Stream, *, before: Place | None, after: Place) -> None:
    to = {"stream_created": after.created, "sequence": after.sequence}
    if before is None:
        if _place(connection, stream) is not None:
            raise PlaceMoved(stream.value)
        connection.execute(
            insert(places), [{"stream": stream.value, **to}]
        )  # of two at once one fails, and looks again
        return
    here = and_(
        places.c.stream == stream.value, places.c.stream_created == before.created, places.c.sequence == before.sequence
    )
    if connection.execute(update(places).where(here).values(to)).rowcount != 1:
        raise PlaceMoved(stream.value)


def _add_trades(connection: Connection, rows: BatchRows) -> Written:
    if not rows.trades:
        return Written(0, 0)
    first = {row["plan_id"]: row for row in reversed(rows.trades)}
    held = connection.execute(select(trades.c.plan_id).where(trades.c.plan_id.in_(list(first)))).scalars()
    new = {plan_id: first[plan_id] for plan_id in first.keys() - set(held)}
    new_rows = [row for row in rows.trades if new.get(row["plan_id"]) is row]
    if new_rows:
        connection.execute(insert(trades), new_rows)
    routes = [
        row for row in rows.routes if row["plan_id"] in new and row["sequence"] == new[row["plan_id"]]["sequence"]
    ]
    if routes:
        connection.execute(insert(trade_routes), [_without(row, "sequence") for row in routes])
    return Written(len(new_rows), len(rows.trades) - len(new_rows))


def _without(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}


def _add_work(connection: Connection, work: dict[WorkKey, Row]) -> None:
    table, key_columns = service_metrics, _work_columns(service_metrics)
    held = (
        {
            WorkKey(row.service, row.instance, row.span_ns, row.begin_unix_ns): row._asdict()
            for row in connection.execute(
                select(table).where(tuple_(*key_columns).in_([_as_tuple(key) for key in work]))
            )
        }
        if work
        else {}
    )
    for key, row in work.items():
        named = _named(key)
        if key in held:
            here = and_(*(column == named[column.name] for column in key_columns))
            connection.execute(update(table).where(here).values(merged(held[key], row)))
        else:
            connection.execute(insert(table), [{**named, **row}])


def _add_rejections(connection: Connection, totals: dict[tuple[WorkKey, str], int]) -> None:
    table = rejections
    for (key, reason), total in totals.items():
        named = {**_named(key), "reason": reason}
        here = and_(*(table.c[name] == value for name, value in named.items()))
        held = connection.execute(select(table.c.rejected_total).where(here)).scalar()
        if held is None:
            connection.execute(insert(table), [{**named, "rejected_total": total}])
        elif total > held:
            connection.execute(update(table).where(here).values(rejected_total=total))


def _work_columns(table: Table) -> list[Column[Any]]:
    return [table.c.service, table.c.instance, table.c.span_ns, table.c.begin_unix_ns]


def _as_tuple(key: WorkKey) -> tuple[str, str, int, int]:
    return key.service, key.instance, key.span_ns, key.begin_unix_ns


def _named(key: WorkKey) -> Row:
    return dict(zip(("service", "instance", "span_ns", "begin_unix_ns"), _as_tuple(key), strict=True))


def prune(database: HistoryDatabase, settings: HistorySettings, *, now_unix_ns: int) -> int:
    """Delete what is older than the settings keep, and of SQLite what is more than its file may hold.

    Some thousand rows a transaction; says how many rows, without the routes of trades.

    Raises:
        HistoryUnavailable: The database does not do its part.
    """
    kept_ns: Iterable[tuple[Table, Column[Any], int]] = (
        (events, events.c.stored_unix_ns, settings.events_keep),
        (trades, trades.c.stored_unix_ns, settings.trades_keep),
        (service_metrics, service_metrics.c.begin_unix_ns, settings.metrics_keep),
        (rejections, rejections.c.begin_unix_ns, settings.metrics_keep),
    )
    deleted_count = 0
    for table, time, keep_ns in kept_ns:
        while keep_ns and (count := _delete_oldest(database, table, time, time < now_unix_ns - keep_ns)):
            deleted_count += count
    if database.is_sqlite:
        deleted_count += _shrink(database, settings.sqlite_max_bytes)
    return deleted_count


def _shrink(database: HistoryDatabase, bytes_max: int) -> int:
    deleted_count = 0
    for table in (events, trades):
        while database.used_bytes() > bytes_max:
            count = _delete_oldest(database, table, table.c.stored_unix_ns, true())
            if not count:
                break
            deleted_count += count
    return deleted_count


def _delete_oldest(database: HistoryDatabase, table: Table, time: Column[Any], wanted: ColumnElement[bool]) -> int:
    with database.transaction() as connection:
        oldest = select(time).where(wanted).order_by(time).limit(PRUNED_COUNT_MAX).subquery()
        last = connection.execute(select(func.max(oldest.c[0]))).scalar()
        return 0 if last is None else connection.execute(delete(table).where(time <= last)).rowcount


def rewind(database: HistoryDatabase, stream: Stream, *, first: Place) -> int:
    """Forget what was written of a stream from `first` on, so that its writer reads it again; says how many messages.

    Work that is added up is left as it is, and so is everything that the stream itself has dropped.

    Raises:
        HistoryUnavailable: The database does not do its part.
    """
    forgotten_count = 0
    with database.transaction() as connection:
        before = _place(connection, stream)
        if before is None or before.created != first.created or before.sequence < first.sequence:
            return 0
        _move(connection, stream, before=before, after=Place(first.created, first.sequence - 1))
        tables = (events, trades) if stream is Stream.EXECUTED else (events,)
        for table in tables:
            here = and_(table.c.stream_created == first.created, table.c.sequence >= first.sequence)
            if table is events:
                here = and_(here, events.c.stream == stream.value)
            forgotten_count = max(forgotten_count, connection.execute(delete(table).where(here)).rowcount)
    return forgotten_count
