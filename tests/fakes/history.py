"""Histories in databases of either kind, empty, and messages to write into them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.postgresql import PostgresServer
from sqlalchemy import Table, select

from pipeline.history.database import HistoryDatabase
from pipeline.history.rows import rows_of
from pipeline.history.settings import HistorySettings
from pipeline.history.store import Written, write
from pipeline.history.tables import METADATA
from quote_core.bus.follow import Followed, Place
from quote_core.events import Event, Stream, encode, subject_of
from quote_core.settings import PlatformSettings

SPAN_NS = 60_000_000_000
LIFE = "2026-07-30T12:00:00+00:00"
"""When a stream was created."""
KINDS = (pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.integration))
"""Parameters of a test that is for both."""


@dataclass
class HistoryKept:
    """An empty database, its settings, and what was opened of it."""

    platform: PlatformSettings
    settings: HistorySettings
    opened: list[HistoryDatabase]

    def open(self) -> HistoryDatabase:
        """As a process does that writes."""
        database = HistoryDatabase(self.platform, self.settings)
        self.opened.append(database)
        database.migrate()
        return database


def history_kept(
    kind: str, folder: Path, server: Callable[[], PostgresServer], **settings: Any
) -> Iterator[HistoryKept]:
    """One database; `server` is asked for only when the kind needs it."""
    platform = PlatformSettings(data_dir=folder)
    url = "" if kind == "sqlite" else server().url(server().new_database())
    kept = HistoryKept(platform, HistorySettings(url=url, **settings), [])
    yield kept
    for database in kept.opened:
        database.close()


def followed(event: Event, sequence: int, *, life: str = LIFE, stored_unix_ns: int | None = None) -> Followed:
    """An event as a stream has it."""
    return Followed(life, subject_of(event), sequence, stored_unix_ns or sequence * 10**9, encode(event), 0)


def write_batch(
    database: HistoryDatabase, stream: Stream, batch: Sequence[Followed], *, before: Place | None
) -> Written:
    """As the auditor does."""
    rows = rows_of(stream, batch, keeps_events=True, span_ns=SPAN_NS)
    return write(database, stream, rows, before=before, after=Place(batch[-1].created, batch[-1].sequence))


def table_rows(database: HistoryDatabase, table: Table) -> list[tuple[Any, ...]]:
    """All of it, by its key."""
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]


def all_rows(database: HistoryDatabase, *, without: Iterable[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows but for those named."""
    return {name: table_rows(database, table) for name, table in METADATA.tables.items() if name not in without}
