"""One database, opened: which driver, how a transaction begins, and its migrations.

A transaction that writes locks: in SQLite the whole file at its begin (BEGIN IMMEDIATE), in PostgreSQL the place of its
stream, which it changes first. What is called here blocks; the auditor calls it from a thread of its own.
"""

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.pool import NullPool, QueuePool

from pipeline.history.errors import HistoryUnavailable, database_errors
from pipeline.history.settings import HistorySettings
from quote_core.addresses import redacted_url
from quote_core.files import owner_alone
from quote_core.setting_secrets import read_password
from quote_core.settings import PlatformSettings, SettingsError, environment_name
from quote_core.telemetry.logs import hide

__all__ = ["HistoryDatabase"]

CONNECT_S_MAX: Final = 5
ANSWER_MS_MAX: Final = 30_000
"""Of PostgreSQL to one statement; and a connection on which nothing is acknowledged for a third of it is lost."""
LOCK_S_MAX: Final = 10.0
"""SQLite waits so long for another process's transaction."""
_MIGRATING: Final = 0x736F6C71
"""Key of PostgreSQL's advisory lock: one migrates, others wait. Any number that nobody else uses; this is `solq`."""
_READS: Final = "solquote_reads"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class HistoryDatabase:
    """The database of the settings.

    Raises:
        SettingsError: The URL needs a driver that is not installed, or the password file cannot be read.
    """

    def __init__(self, platform: PlatformSettings, settings: HistorySettings) -> None:
        self._url = _url(platform, settings)
        self.shown_url = _shown(self._url)
        """Without user and password."""
        self._engine = _engine(self._url)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path:
        """Of SQLite."""
        return Path(self._url.database or "")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of it or nothing.

        Raises:
            HistoryUnavailable: The database does not do its part.
        """
        with database_errors(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """One moment's rows; holds up no writer.

        Raises:
            HistoryUnavailable: The database does not do its part.
        """
        with database_errors(), self._engine.connect() as connection:
            connection.execution_options(**{_READS: True})
            yield connection

    def migrate(self) -> None:
        """Bring the tables to this version; a database that is not there yet is made, if it is a file.

        Raises:
            HistoryUnavailable: The database does not do its part, or is of a newer version.
        """
        if self.is_sqlite:
            self._make_file()
        with self.transaction() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
            at, scripts = _version(connection), ScriptDirectory(str(_MIGRATIONS))
            if at == scripts.get_current_head():
                return
            if at is not None and at not in {script.revision for script in scripts.walk_revisions()}:
                raise HistoryUnavailable(f"{self.shown_url} is of a newer solquote (version {at})")
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _make_file(self) -> None:
        """For its owner alone; SQLite would let the umask say."""
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self.file, "ab", opener=owner_alone):  # which takes no opener
                pass
        except OSError as error:
            raise HistoryUnavailable(f"{self.file}: {error.strerror}") from None

    def check_version(self) -> None:
        """See that the tables are those of this version, for whoever only reads.

        Raises:
            HistoryUnavailable: The database is not there, or of another version.
        """
        if self.is_sqlite and not self.file.is_file():
            raise HistoryUnavailable(f"{self.file} is not there; the auditor makes it (`solquote up`)")
        with self.reading() as connection:
            at = _version(connection)
        if at != ScriptDirectory(str(_MIGRATIONS)).get_current_head():
            was = "empty" if at is None else f"of another version of solquote ({at})"
            raise HistoryUnavailable(f"{self.shown_url} is {was}; the auditor of this version brings it up to date")

    def used_bytes(self) -> int:
        """What the rows take of SQLite's file; what was deleted is free for others.

        Raises:
            HistoryUnavailable: The database does not do its part.
        """
        with self.reading() as connection:
            size, count, free = (
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("page_size", "page_count", "freelist_count")
            )
        return int(size * (count - free))

    def close(self) -> None:
        """End all connections."""
        self._engine.dispose()


def _url(platform: PlatformSettings, settings: HistorySettings) -> URL:
    url = make_url(settings.database_url(platform))
    if url.get_backend_name() == "sqlite":
        return url
    if importlib.util.find_spec("psycopg") is None:
        name = environment_name(settings.section, "url")
        raise SettingsError(
            [f"{name}: postgresql:// needs psycopg, which comes with pip install 'solquote[postgresql]'"]
        )
    if settings.password_file is not None:
        variable = environment_name(settings.section, "password_file")
        password = read_password(settings.password_file, variable=variable)
        url = url.set(password=password)
    if url.password:
        hide([str(url.password)])
    return url.set(drivername="postgresql+psycopg")


def _shown(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    return f"{redacted_url(f'postgresql://{url.host}:{url.port or 5432}')}/{url.database}"


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True, poolclass=NullPool, connect_args={"timeout": LOCK_S_MAX})
        event.listen(engine, "connect", _begin_sqlite)
        event.listen(engine, "begin", _lock_sqlite)
        return engine
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_S_MAX,
        "tcp_user_timeout": ANSWER_MS_MAX // 3,
        "application_name": "solquote",
        **url.query,
    }
    engine = create_engine(
        url.set(query={}),
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=1,
        pool_pre_ping=True,
        connect_args=arguments,
    )
    event.listen(engine, "connect", _begin_postgresql)
    return engine


def _begin_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver would begin transactions by itself, and not around DDL
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # who reads is held up by nobody
    cursor.execute("PRAGMA synchronous=NORMAL")  # what a power failure takes is read from the streams again
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _lock_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(_READS) else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {ANSWER_MS_MAX}")
    connection.commit()


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
