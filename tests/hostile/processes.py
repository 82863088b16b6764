"""The hostile node and the service before it, each a process of its own."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from fakes.tested_source import TESTED_SOURCE
from hostile.faults import Fault

__all__ = ["START_S", "NodeProcess", "ServiceProcess", "node_process"]

START_S: Final = 60.0
_STOP_S: Final = 10.0
_TESTS: Final = Path(__file__).resolve().parents[1]


class NodeProcess:
    """The hostile node's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.port = 0
        self.steady_port = 0
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            if "port" in told:
                self.port, self.steady_port = told["port"], told["steady_port"]
            self.told.put_nowait(told)

    def begin(self, fault: Fault) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(fault.name.encode() + b"\n")


@contextlib.asynccontextmanager
async def node_process(http_url: str, ws_url: str, seed: int) -> AsyncIterator[NodeProcess]:
    command = [sys.executable, "-m", "hostile.node", "--http", http_url, "--ws", ws_url, "--seed", str(seed)]
    async with _process(command, {"PYTHONPATH": f"{_TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}) as process:
        node = NodeProcess(process)
        reading = asyncio.create_task(node.read())
        try:
            async with asyncio.timeout(START_S):
                while not node.port:  # noqa: ASYNC110 - another process, heard of by `reading`
                    await asyncio.sleep(0.05)
            yield node
        finally:
            reading.cancel()


class ServiceProcess:
    """The local quote service's process. One that does not recover is begun anew, or it would spoil what follows."""

    def __init__(self, node: NodeProcess, port: int, settings: Mapping[str, str], *, has_steady: bool) -> None:
        own = {**settings, "grpc_port": str(port)}
        self._environ = {f"SOLQUOTE_LOCAL_QUOTE_{name.upper()}": value for name, value in own.items()}
        one, two = (f"127.0.0.1:{one}/" for one in (node.port, node.steady_port))
        if has_steady:
            self._environ["SOLQUOTE_RPC_URLS"] = f"http://{one}|ws=ws://{one}|weight=3 http://{two}|ws=ws://{two}"
        else:
            self._environ |= {"SOLQUOTE_RPC_URL": f"http://{one}", "SOLQUOTE_RPC_WS_URL": f"ws://{one}"}
        if TESTED_SOURCE:  # the service alone: market and node are part of the test
            self._environ["PYTHONPATH"] = TESTED_SOURCE
        self._running = contextlib.AsyncExitStack()
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        command = [sys.executable, "-m", "local_quote"]
        self._process = await self._running.enter_async_context(_process(command, self._environ))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    @property
    def exit_code(self) -> int | None:
        """None while it runs; it is not to end by itself, whatever it is told."""
        return None if self._process is None else self._process.returncode

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    async def restart(self) -> None:
        """End the process and start another."""
        await self._running.aclose()
        await self.__aenter__()


@contextlib.asynccontextmanager
async def _process(command: Sequence[str], environ: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
