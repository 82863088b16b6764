"""Migrations, what a database that is not as hoped says, and that its password is said nowhere."""

import os
import stat
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from fakes.history import HistoryKept, all_rows, followed, write_batch
from fakes.plans import plan
from fakes.ports import free_port
from fakes.postgresql import PASSWORD, PostgresServer
from sqlalchemy import text

from pipeline import history
from pipeline.history.database import HistoryDatabase
from pipeline.history.errors import HistoryUnavailable
from pipeline.history.settings import HistorySettings
from pipeline.history.tables import METADATA
from quote_core.events import Stream
from quote_core.settings import PlatformSettings, SettingsError
from quote_core.telemetry import logs


def test_the_migrations_make_the_tables_that_are_written_and_twice_is_once(database: HistoryDatabase) -> None:
    database.migrate()
    database.check_version()
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection, {"compare_type": True}), METADATA) == []
    assert set(all_rows(database)) == set(METADATA.tables)


def test_a_database_of_each_older_version_is_brought_up_to_date_with_its_rows(kept: HistoryKept) -> None:
    scripts = ScriptDirectory(str(Path(history.__file__).parent / "migrations"))
    older = [script.revision for script in scripts.walk_revisions()][1:]
    assert older == ["0001"], "a step that was released is never changed, and each is a version somebody has"
    database = kept.open()
    write_batch(database, Stream.PLANNED, [followed(plan(1), 1)], before=None)
    with database.transaction() as connection:
        connection.execute(text("DROP INDEX events_by_id"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(HistoryUnavailable, match=r"another version of solquote \(0001\)"):
        database.check_version()
    before = all_rows(database)
    database.migrate()
    database.check_version()
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection, {"compare_type": True}), METADATA) == []
    assert all_rows(database) == before


def test_several_that_migrate_at_once_make_one_set_of_tables(kept: HistoryKept) -> None:
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            kept.open()
        except BaseException as error:  # noqa: BLE001  # told by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    kept.opened[0].check_version()


def test_a_migration_that_fails_leaves_nothing_behind(kept: HistoryKept, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("at the last table")

    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.create_index", fails)
        with pytest.raises(RuntimeError):
            kept.open()
    with kept.opened[0].reading() as connection:
        assert MigrationContext.configure(connection).get_current_revision() is None
        assert not connection.dialect.has_table(connection, "places")
    kept.open().check_version()


def test_tables_of_a_newer_version_are_neither_written_nor_read(database: HistoryDatabase) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(HistoryUnavailable, match="newer solquote"):
        database.migrate()
    with pytest.raises(HistoryUnavailable, match="another version"):
        database.check_version()


def test_who_only_reads_is_told_that_there_is_no_history_yet(tmp_path: Path) -> None:
    database = HistoryDatabase(PlatformSettings(data_dir=tmp_path), HistorySettings())
    with pytest.raises(HistoryUnavailable, match="is not there; the auditor makes it"):
        database.check_version()
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_its_owner_s_alone_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = HistoryDatabase(PlatformSettings(data_dir=tmp_path / "data"), HistorySettings())
        database.migrate()
        with database.reading() as connection:
            connection.execute(text("SELECT 1"))
            files = sorted((tmp_path / "data").iterdir())
            assert files[0].name == "history.db"
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    finally:
        os.umask(before)
        database.close()


def test_a_file_that_is_no_database_is_told_in_sqlite_s_words(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"not a database at all" * 1_000)
    database = HistoryDatabase(PlatformSettings(data_dir=tmp_path), HistorySettings())
    with pytest.raises(HistoryUnavailable, match="file is not a database"):
        database.migrate()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    database = HistoryDatabase(PlatformSettings(data_dir=tmp_path / "data"), HistorySettings())
    with pytest.raises(HistoryUnavailable, match=r"history\.db"):
        database.migrate()


def test_a_file_elsewhere_is_named_by_its_url(tmp_path: Path) -> None:
    settings = HistorySettings(url=f"sqlite:///{tmp_path}/else where/trades.db")
    database = HistoryDatabase(PlatformSettings(data_dir=tmp_path), settings)
    database.migrate()
    assert (tmp_path / "else where" / "trades.db").is_file()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://solquote@127.0.0.1/solquote",
        "postgresql://solquote:hunter22@127.0.0.1:99999/solquote",
        "postgresql://solquote:hunter22@127.0.0.1:5432",
        "postgresql://solquote:hunter22@/solquote",
        "postgresql+psycopg://solquote:hunter22@127.0.0.1/solquote",
        "sqlite:///",
        "sqlite://",
        "sqlite:///history.db?mode=hunter22",
        "hunter22",
    ],
)
def test_what_is_no_url_of_a_database_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        HistorySettings.load(environ={"SOLQUOTE_HISTORY_URL": url})
    assert "SOLQUOTE_HISTORY_URL: must be postgresql://user@host:port/database or" in str(refused.value)
    assert "hunter22" not in str(refused.value)


def test_a_password_file_that_cannot_be_read_is_told_before_anything_starts(tmp_path: Path) -> None:
    settings = HistorySettings(url="postgresql://solquote@127.0.0.1/solquote", password_file=tmp_path / "none")
    with pytest.raises(SettingsError, match=r"SOLQUOTE_HISTORY_PASSWORD_FILE: .*none: No such file"):
        HistoryDatabase(PlatformSettings(data_dir=tmp_path), settings)


def test_a_password_file_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hunter22")
    path.chmod(0o644)
    settings = HistorySettings(url="postgresql://solquote@127.0.0.1/solquote", password_file=path)
    with pytest.raises(SettingsError, match="may be read by everybody"):
        HistoryDatabase(PlatformSettings(data_dir=tmp_path), settings)


def test_postgresql_without_its_driver_is_refused_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    settings = HistorySettings(url="postgresql://solquote@127.0.0.1/solquote")
    with pytest.raises(SettingsError, match=r"pip install 'solquote\[postgresql\]'"):
        HistoryDatabase(PlatformSettings(data_dir=tmp_path), settings)


@pytest.fixture
def unhidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_hidden", [])


@pytest.mark.usefixtures("unhidden")
def test_nobody_listening_is_told_without_the_password(tmp_path: Path) -> None:
    port = free_port()
    settings = HistorySettings(url=f"postgresql://solquote:correct%20horse@127.0.0.1:{port}/solquote")
    database = HistoryDatabase(PlatformSettings(data_dir=tmp_path), settings)
    with pytest.raises(HistoryUnavailable, match="refused") as told:
        database.migrate()
    said = f"{told.value!r} {told.value} {database.shown_url} {vars(told.value)}"
    assert "correct" not in said
    assert database.shown_url == f"postgresql://127.0.0.1:{port}/solquote"
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
    assert logs.masked("it is correct horse") == f"it is {logs.MASK}"


@pytest.mark.integration
@pytest.mark.usefixtures("unhidden")
def test_a_wrong_password_is_told_by_the_server_without_it(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.url(postgres.new_database(), login="solquote:wrong%20battery")
    database = HistoryDatabase(PlatformSettings(data_dir=tmp_path), HistorySettings(url=url))
    with pytest.raises(HistoryUnavailable, match="password authentication failed for user") as told:
        database.migrate()
    assert "battery" not in str(told.value)


@pytest.mark.integration
def test_the_password_may_be_in_a_file_instead(postgres: PostgresServer, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "password").chmod(0o440)
    url = postgres.url(postgres.new_database(), login="solquote")
    settings = HistorySettings(url=url, password_file=tmp_path / "password")
    database = HistoryDatabase(PlatformSettings(data_dir=tmp_path), settings)
    database.migrate()
    database.check_version()
    database.close()


@pytest.mark.integration
def test_where_timescaledb_is_in_the_database_the_work_is_kept_in_hypertables(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """A stand-in that writes down what it is called with: Debian does not have the extension."""
    name = postgres.new_database()
    for statement in (
        "CREATE TABLE called (relation text, time_column text, chunk bigint, indexes boolean)",
        """CREATE FUNCTION create_hypertable(
             relation regclass, time_column_name name, chunk_time_interval bigint, create_default_indexes boolean
           ) RETURNS void LANGUAGE sql AS 'INSERT INTO called VALUES ($1, $2, $3, $4)'""",
        """SET allow_system_table_mods = on;
           INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
           VALUES (99999, 'timescaledb', 10, 2200, false, '2.17')""",
    ):
        postgres.ask(statement, database=name)
    database = HistoryDatabase(PlatformSettings(data_dir=tmp_path), HistorySettings(url=postgres.url(name)))
    database.migrate()
    database.close()
    assert postgres.ask("SELECT * FROM called ORDER BY relation", database=name) == [
        ("rejections", "begin_unix_ns", 86_400 * 10**9, False),
        ("service_metrics", "begin_unix_ns", 86_400 * 10**9, False),
    ]


@pytest.mark.integration
def test_a_statement_that_takes_too_long_is_ended(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.history.database.ANSWER_MS_MAX", 200)
    url = postgres.url(postgres.new_database())
    database = HistoryDatabase(PlatformSettings(data_dir=tmp_path), HistorySettings(url=url))
    with pytest.raises(HistoryUnavailable, match="statement timeout"), database.transaction() as connection:
        connection.execute(text("SELECT pg_sleep(60)"))
    database.close()
