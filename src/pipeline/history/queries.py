"""What is read of the history, oldest first, some thousand rows at a time however many there are."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Row, Select, Table, select

from pipeline.auditor.ledger import Ledger
from pipeline.history.database import HistoryDatabase
from pipeline.history.rows import result_of
from pipeline.history.tables import events, trade_routes, trades
from quote_core.events import ExecutionResult
from quote_core.units import NS_PER_S

__all__ = [
    "EventQuery",
    "Grouping",
    "TradeQuery",
    "find_events",
    "find_results",
    "find_trades",
    "ledgers_of",
    "routes_of",
]

ROWS_AT_ONCE: Final = 1_000

Grouping = Literal["run", "pair", "day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeQuery:
    """Which trades; what is `None` or empty asks for nothing."""

    since_unix_ns: int | None = None
    """Stored at or after."""
    until_unix_ns: int | None = None
    """Stored before."""
    run_id: str | None = None
    pair: str | None = None
    outcomes: tuple[str, ...] = ()
    count: int | None = None
    """At most so many, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events."""

    since_unix_ns: int | None = None
    until_unix_ns: int | None = None
    streams: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    """Names of event classes."""
    pair: str | None = None
    event_id: str | None = None
    """In hexadecimal."""
    count: int | None = None


def find_trades(database: HistoryDatabase, query: TradeQuery) -> Iterator[Row[Any]]:
    """The rows of `trades`.

    Raises:
        HistoryUnavailable: The database does not do its part.
    """
    wanted = [
        *_bounds(trades, query.since_unix_ns, query.until_unix_ns),
        *([trades.c.run_id == query.run_id] if query.run_id is not None else []),
        *([trades.c.pair == query.pair] if query.pair is not None else []),
        *([trades.c.outcome.in_(query.outcomes)] if query.outcomes else []),
    ]
    order = (trades.c.stored_unix_ns, trades.c.stream_created, trades.c.sequence)
    yield from _rows(database, select(trades).where(*wanted), order, query.count)


def find_events(database: HistoryDatabase, query: EventQuery) -> Iterator[Row[Any]]:
    """The rows of `events`.

    Raises:
        HistoryUnavailable: The database does not do its part.
    """
    wanted = [
        *_bounds(events, query.since_unix_ns, query.until_unix_ns),
        *([events.c.stream.in_(query.streams)] if query.streams else []),
        *([events.c.type.in_(query.types)] if query.types else []),
        *([events.c.pair == query.pair] if query.pair is not None else []),
        *([events.c.event_id == query.event_id] if query.event_id is not None else []),
    ]
    order = (events.c.stored_unix_ns, events.c.stream, events.c.stream_created, events.c.sequence)
    yield from _rows(database, select(events).where(*wanted), order, query.count)


def routes_of(database: HistoryDatabase, plan_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The hops of each of some thousand plans at most, in their order.

    Raises:
        HistoryUnavailable: The database does not do its part.
    """
    routes: dict[str, list[dict[str, Any]]] = {plan_id: [] for plan_id in plan_ids}
    with database.reading() as connection:
        statement = select(trade_routes).where(trade_routes.c.plan_id.in_(plan_ids)).order_by(trade_routes.c.hop_index)
        for row in connection.execute(statement):
            hop = row._asdict()
            routes[hop.pop("plan_id")].append(hop)
    return routes


def find_results(database: HistoryDatabase, query: TradeQuery) -> Iterator[ExecutionResult]:
    """What `find_trades` finds as results, with their hops.

    Raises:
        HistoryUnavailable: The database does not do its part.
    """
    found = find_trades(database, query)
    while rows := list(itertools.islice(found, ROWS_AT_ONCE)):
        routes = routes_of(database, [row.plan_id for row in rows])
        for row in rows:
            yield result_of(row, routes[row.plan_id])


def ledgers_of(
    database: HistoryDatabase, query: TradeQuery, *, by: Grouping, capital_lamports: int
) -> dict[str, Ledger]:
    """The accounts of what the query finds, by run, pair, or the UTC day on which a trade ended; in order of time.

    Raises:
        HistoryUnavailable: The database does not do its part.
    """
    ledgers: dict[str, Ledger] = {}
    for row in find_trades(database, query):
        result = result_of(row)
        key = _group(result, by)
        if key not in ledgers:
            ledgers[key] = Ledger(capital_lamports=capital_lamports, run_id=result.run_id if by == "run" else "")
        ledgers[key].add(result)
    return ledgers


def _group(result: ExecutionResult, by: Grouping) -> str:
    if by == "day":
        return f"{datetime.fromtimestamp(result.finished_unix_ns // NS_PER_S, UTC):%Y-%m-%d}"
    return result.run_id if by == "run" else result.pair


def _bounds(table: Table, since_unix_ns: int | None, until_unix_ns: int | None) -> list[ColumnElement[bool]]:
    time = table.c.stored_unix_ns
    return [
        *([time >= since_unix_ns] if since_unix_ns is not None else []),
        *([time < until_unix_ns] if until_unix_ns is not None else []),
    ]


def _rows(
    database: HistoryDatabase, statement: Select[Any], order: Sequence[ColumnElement[Any]], count: int | None
) -> Iterator[Row[Any]]:
    with database.reading() as connection:
        if count is None:
            yield from connection.execute(statement.order_by(*order).execution_options(yield_per=ROWS_AT_ONCE))
        else:
            newest = connection.execute(statement.order_by(*(column.desc() for column in order)).limit(count)).all()
            yield from reversed(newest)
