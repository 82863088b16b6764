"""Real nats-servers with the configuration that `solquote nats-config` writes: one, or a cluster."""

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

from fakes.ports import HOST, free_ports_apart

from quote_core.bus import Access, BusRole
from solquote.nats_setup import MONITOR_ABOVE, ROUTES_ABOVE, NatsNode, NatsSetup, write_nats_setup
from solquote.supervisor.nats_server import find_nats_server

START_TIMEOUT_S = 60.0
_ELECTED = re.compile(
    r"^\[\d+\] (\S+ \S+) \[INF\] JetStream cluster new (?:stream|consumer) leader for '\$G > ([^']+)'", re.M
)


class NatsCluster:
    """Its servers may be killed and started again, each by its number."""

    def __init__(self, folder: Path, *, count: int, tls: Path | None = None) -> None:
        self._folder = folder
        self.setup = NatsSetup(
            nodes=[NatsNode(HOST, free_ports_apart(0, ROUTES_ABOVE, MONITOR_ABOVE)) for _ in range(count)],
            listen=HOST,
            monitor=HOST,
            store=folder / "store",
            tls=tls,
        )
        self.credentials = folder / "own" / "credentials"
        self.urls = self.setup.urls
        self._tls = tls
        self._configurations = write_nats_setup(folder / "own", self.setup)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def access(self, role: BusRole) -> Access:
        authority = self._tls / "ca.crt" if self._tls else None
        return Access(role=role, credentials=self.credentials / role.value, tls_ca=authority)

    def start(self, number: int) -> None:
        with (self._folder / f"nats-{number}.log").open("ab") as log:
            command = [find_nats_server(), "--config", str(self._configurations[number])]
            self._processes[number] = subprocess.Popen(command, stdout=log, stderr=log)

    def end(self, number: int, how: signal.Signals = signal.SIGKILL) -> None:
        process = self._processes.pop(number)
        process.send_signal(how)
        process.wait()

    def end_all(self) -> None:
        for number in list(self._processes):
            self.end(number)

    async def until_well(self) -> None:
        """Every server that runs is up with its streams, and has found the others."""
        deadline = time.monotonic() + START_TIMEOUT_S
        for number in self._processes:
            while not await asyncio.to_thread(self._is_well, number):
                log = self._folder / f"nats-{number}.log"
                assert self._processes[number].poll() is None, log.read_text()
                assert time.monotonic() < deadline, f"nats-{number} is not well: {log.read_text()[-2000:]}"
                await asyncio.sleep(0.05)

    async def leader(self) -> int:
        """Who leads the cluster itself, and makes its streams and consumers."""
        told = await asyncio.to_thread(self._monitored, next(iter(self._processes)), "jsz")
        return int(told["meta_cluster"]["leader"].removeprefix("nats-"))

    def elected(self, *, since_unix_s: float) -> dict[str, float]:
        """When `STREAM`, and `STREAM > CONSUMER`, last had a new leader, by the servers' logs."""
        logs = [(self._folder / f"nats-{number}.log").read_text() for number in range(len(self.setup.nodes))]
        told = sorted(
            (datetime.strptime(at, "%Y/%m/%d %H:%M:%S.%f").astimezone().timestamp(), whose)
            for log in logs
            for at, whose in _ELECTED.findall(log)
        )
        return {whose: at for at, whose in told if at >= since_unix_s}

    def _is_well(self, number: int) -> bool:
        try:
            return bool(self._monitored(number, "healthz").get("status") == "ok")
        except OSError:
            return False

    def _monitored(self, number: int, page: str) -> dict[str, Any]:
        port = self.setup.nodes[number].port + MONITOR_ABOVE
        with urllib.request.urlopen(f"http://{HOST}:{port}/{page}", timeout=5) as answer:
            told: dict[str, Any] = json.load(answer)
        return told


@contextlib.asynccontextmanager
async def nats_cluster(folder: Path, *, count: int, tls: Path | None = None) -> AsyncIterator[NatsCluster]:
    """Servers while the context lasts, all of them well."""
    cluster = NatsCluster(folder, count=count, tls=tls)
    try:
        for number in range(count):
            cluster.start(number)
        await cluster.until_well()
        yield cluster
    finally:
        cluster.end_all()
