"""A real redis-server with a port of its own, which may be killed, stopped, filled up and started again.

It comes with Debian's package `redis-server`; a test skips where it is not installed.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fakes.ports import free_port
from fakes.waiting import DEADLINE_S

PASSWORD = "a p@ss/word: of this test"
QUOTED_PASSWORD = "a%20p%40ss%2Fword%3A%20of%20this%20test"


@dataclass
class RedisServer:
    """One server; its data go with it."""

    folder: Path
    arguments: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [
            _program(),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""),
            *("--appendonly", "no", "--requirepass", PASSWORD, *self.arguments),
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.environ}
            )
        until = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        """With all it holds."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def hang(self) -> None:
        """Connections are taken by the kernel, and nobody answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def ask(self, *words: str) -> bytes:
        """Past everything that is tested; the answer as it goes over the wire."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S) as connection:
            connection.sendall(_command("AUTH", PASSWORD) + _command(*words) + _command("QUIT"))
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        assert answer.startswith(b"+OK\r\n"), answer
        return answer.removeprefix(b"+OK\r\n").removesuffix(b"+OK\r\n")

    def keys(self, pattern: str = "*") -> list[str]:
        """Names of keys."""
        return [line for line in self.ask("KEYS", pattern).decode().split("\r\n") if line and line[0] not in "*$"]

    def _answers(self) -> bool:
        try:
            return self.ask("PING") == b"+PONG\r\n"
        except (OSError, AssertionError):
            return False


def _command(*words: str) -> bytes:
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _program() -> str:
    path = shutil.which("redis-server", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/local/bin")
    if path is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    return path


@contextlib.contextmanager
def redis_running(*arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[RedisServer]:
    """One that is told `arguments`, too, or started in another environment."""
    _program()
    with tempfile.TemporaryDirectory(prefix="solquote-redis-") as name:
        server = RedisServer(Path(name), arguments, environ or {})
        server.start()
        try:
            yield server
        finally:
            server.go_on()
            server.kill()
