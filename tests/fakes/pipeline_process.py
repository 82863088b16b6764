"""Run a pipeline process as its supervisor does, and hear what it says of itself."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fakes.pipeline_events import kill_switch
from fakes.stopwatch import Stopwatch
from fakes.waiting import DEADLINE_S

from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.errors import ProviderUnavailable
from quote_core.events import KILL_SWITCH_HEARTBEAT, TradingState


@dataclass
class Child:
    """A process under test, with the sd_notify lines it sent."""

    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list)

    def is_ready(self) -> bool:
        return any("READY=1" in line for line in self.lines)

    def said(self, part: str) -> bool:
        return any(part in line for line in self.lines)

    async def code_on_sigterm(self, *, seconds: float) -> int:
        """How it ends when asked to; in `seconds` of a `Stopwatch`."""
        watch = Stopwatch()
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            code = await self.process.wait()
        assert watch.elapsed_s < seconds
        return code


@contextlib.asynccontextmanager
async def pipeline_process(name: str, folder: Path, environ: Mapping[str, str]) -> AsyncIterator[Child]:
    """`python -m pipeline.<name>`, killed at the end if it still runs."""
    address = folder / f"{name}.notify"
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(address))
        notify.setblocking(False)
        command = (sys.executable, "-m", f"pipeline.{name}")
        environment = {**os.environ, **environ, "NOTIFY_SOCKET": str(address)}
        child = Child(await asyncio.create_subprocess_exec(*command, env=environment))
        loop.add_reader(notify, lambda: child.lines.append(notify.recv(4096).decode()))
        try:
            yield child
        finally:
            loop.remove_reader(notify)
            if child.process.returncode is None:
                child.process.kill()
            await child.process.wait()
            address.unlink()


@contextlib.asynccontextmanager
async def trading_allowed(bus: Bus) -> AsyncIterator[None]:
    """Play the system manager: ACTIVE is latched, and its heartbeat goes on."""
    active = kill_switch(TradingState.ACTIVE)
    await bus.publish(active)

    async def beat() -> None:
        while True:
            with contextlib.suppress(ProviderUnavailable):
                await bus.push(replace(active, sent=moment(SYSTEM_CLOCK)), subject=KILL_SWITCH_HEARTBEAT)
            await asyncio.sleep(0.05)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


async def until(condition: Callable[[], object], each: Callable[[], object] = lambda: None) -> None:
    """Wait for what happens in another process, doing `each` meanwhile."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # another process cannot set our events
            each()
            await asyncio.sleep(0.02)
