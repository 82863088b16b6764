"""An event is found by its id through the index, not by a look at all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.history import followed, history_kept, write_batch
from fakes.plans import plan, plan_id
from sqlalchemy import event

from pipeline.history.database import HistoryDatabase
from pipeline.history.queries import EventQuery, find_events
from quote_core.events import Stream


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[HistoryDatabase]:
    for kept in history_kept("sqlite", tmp_path, lambda: pytest.fail("not asked for")):
        database = kept.open()
        batch = [followed(plan(number), number + 1) for number in range(300)]
        write_batch(database, Stream.PLANNED, batch, before=None)
        yield database


@pytest.mark.parametrize("count", [None, 1])
def test_an_event_of_an_id_is_found_through_its_index(filled: HistoryDatabase, count: int | None) -> None:
    asked: list[tuple[str, object]] = []
    with filled.reading() as connection:
        engine = connection.engine

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    (found,) = find_events(filled, EventQuery(event_id=plan_id(250).hex(), count=count))
    event.remove(engine, "before_cursor_execute", note)
    assert found.sequence == 251
    ((statement, parameters),) = [one for one in asked if one[0].startswith("SELECT")]
    with filled.reading() as connection:
        steps = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert steps[0] == "SEARCH events USING INDEX events_by_id (event_id=?)"


def test_an_id_that_nobody_has_finds_nothing(filled: HistoryDatabase) -> None:
    assert list(find_events(filled, EventQuery(event_id=plan_id(999).hex()))) == []
