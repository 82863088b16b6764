"""The nats-server as `solquote up` configures it: users, permissions, monitoring."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

from fakes.ports import HOST, free_port

from quote_core.bus import Access, BusRole
from quote_core.bus.access import credentials_folder
from solquote.supervisor.nats_server import find_nats_server, prepare_nats, probe_nats
from solquote.supervisor.specification import EmbeddedNats

START_TIMEOUT_S = 60.0


class RunningNats:
    """One server, which may be started again."""

    def __init__(self, data_folder: Path) -> None:
        self.nats = EmbeddedNats(
            host=HOST,
            port=free_port(),
            monitor_host=HOST,
            monitor_port=free_port(),
            data_folder=data_folder,
        )
        self.url = f"nats://{HOST}:{self.nats.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def access(self, role: BusRole) -> Access:
        return Access(role=role, credentials=credentials_folder(self.nats.data_folder) / role.value)

    async def start(self) -> None:
        prepare_nats(self.nats)
        self._spawn()
        deadline = time.monotonic() + START_TIMEOUT_S
        while await probe_nats(self.nats) is None:
            assert time.monotonic() < deadline, "nats-server did not start"
            await asyncio.sleep(0.02)

    def _spawn(self) -> None:
        with (self.nats.data_folder / "nats.log").open("ab") as log:
            command = [find_nats_server(), "--config", str(self.nats.configuration)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None


@contextlib.asynccontextmanager
async def embedded_nats(data_folder: Path) -> AsyncIterator[RunningNats]:
    """A server while the context lasts."""
    server = RunningNats(data_folder)
    try:
        await server.start()
        yield server
    finally:
        if server.process is not None:
            server.stop()
