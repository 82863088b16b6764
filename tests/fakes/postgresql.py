"""A real PostgreSQL with a data folder and a port of its own, which may be stopped and started.

It comes with Debian's package `postgresql`, whose programs are on no path; a test skips where it is not installed. It
refuses to run as root: there it runs as Debian's user `postgres`, or `nobody`.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from fakes.ports import free_port

PASSWORD: Final = "a p@ss/word: of this test"
"""What a URL must not be written with as it is."""
QUOTED_PASSWORD: Final = "a%20p%40ss%2Fword%3A%20of%20this%20test"
_FOLDERS: Final = Path("/usr/lib/postgresql")
_END_S: Final = 60.0


def _program(name: str) -> str:
    """Where it is; the test skips when it is nowhere."""
    newest_first = sorted(_FOLDERS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]), reverse=True)
    path = shutil.which(name) or next(map(str, newest_first), None)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install postgresql)")
    return path


def _not_root() -> dict[str, Any]:
    """How to run a program as somebody else where we are root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is nobody else here")


@dataclass
class PostgresServer:
    """One server; `solquote` is its superuser."""

    folder: Path
    port: int = field(default_factory=free_port)
    database_count: int = 0

    def new_database(self) -> str:
        """The name of an empty one."""
        self.database_count += 1
        name = f"history_{self.database_count}"
        self.ask(f"CREATE DATABASE {name}")
        return name

    def url(self, database: str, *, login: str = f"solquote:{QUOTED_PASSWORD}") -> str:
        """Of one of its databases, with the password in it."""
        return f"postgresql://{login}@127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        as_somebody = _not_root()
        if as_somebody:
            shutil.chown(self.folder, as_somebody["user"], as_somebody["group"])
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        self._run(
            "initdb",
            "--pgdata",
            self._data,
            "--username",
            "solquote",
            "--pwfile",
            str(password_file),
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
            "--no-sync",
        )
        self.start()

    def start(self) -> None:
        options = (
            f"-F -c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=20"
        )
        self._run(
            "pg_ctl",
            "start",
            "--wait",
            "--timeout",
            "120",
            "--pgdata",
            self._data,
            "--log",
            f"{self.folder}/log",
            "--options",
            options,
        )

    def stop(self) -> None:
        """As abruptly as a crash, but for its shared memory, which it gives back."""
        self._run("pg_ctl", "stop", "--wait", "--timeout", "120", "--pgdata", self._data, "--mode", "immediate")

    def ask(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Past everything that is tested."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="solquote", password=PASSWORD, dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @property
    def _data(self) -> str:
        return f"{self.folder}/data"

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [_program(program), *arguments]
        with (self.folder / "commands.log").open("ab") as log:  # a server started by it would hold a pipe open
            done = subprocess.run(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=_END_S * 2,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                check=False,
                **_not_root(),
            )
        assert done.returncode == 0, (self.folder / "commands.log").read_text()


@contextmanager
def postgres_running() -> Iterator[PostgresServer]:
    """In a folder that its user may enter, which pytest's are not."""
    _program("initdb")
    with tempfile.TemporaryDirectory(prefix="solquote-postgresql-", ignore_cleanup_errors=True) as name:
        server = PostgresServer(Path(name))
        server.make()
        try:
            yield server
        finally:
            server.stop()
