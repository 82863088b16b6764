"""Empty databases of both kinds; one PostgreSQL serves all the tests that a worker runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.history import KINDS, HistoryKept, history_kept
from fakes.postgresql import PostgresServer, postgres_running

from pipeline.history.database import HistoryDatabase


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_running() as server:
        yield server


@pytest.fixture(params=KINDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HistoryKept]:
    yield from history_kept(request.param, tmp_path, lambda: request.getfixturevalue("postgres"))


@pytest.fixture
def database(kept: HistoryKept) -> HistoryDatabase:
    return kept.open()
