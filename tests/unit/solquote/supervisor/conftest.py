"""Tiny real children: each a few lines of Python without imports of ours, so that a test takes milliseconds."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.running.status import ProcessView
from solquote.supervisor.child import ChildLimits
from solquote.supervisor.lifecycle import RestartPolicy
from solquote.supervisor.run import SupervisorStop, supervise
from solquote.supervisor.specification import ProcessSpec

PRELUDE = """
import os, signal, socket, sys, time
def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
"""
WELL = "notify('READY=1\\nSTATUS=well')\nsignal.sigwait([signal.SIGTERM])"


class Record:
    """A watcher that remembers, and lets a test wait for what it wants to see."""

    def __init__(self) -> None:
        self.views: dict[str, list[ProcessView]] = {}
        self.sentences: list[str] = []
        self.lines: list[str] = []
        self._news = asyncio.Condition()

    def changed(self, view: ProcessView) -> None:
        self.views.setdefault(view.name, []).append(view)
        self._wake()

    def told(self, name: str, sentence: str) -> None:
        self.sentences.append(f"{name}: {sentence}")
        self._wake()

    def logged(self, name: str, line: str) -> None:
        self.lines.append(f"{name}: {line}")
        self._wake()

    def now(self, name: str) -> ProcessView:
        return self.views[name][-1]

    def states(self, name: str) -> list[str]:
        """The states it went through, repeats left out."""
        seen = [view.state.value for view in self.views.get(name, [])]
        return [state for before, state in zip([None, *seen], seen, strict=False) if state != before]

    async def until(self, condition: Callable[[], bool], *, seconds: float = 60) -> None:
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(condition)

    def _wake(self) -> None:
        async def wake() -> None:
            async with self._news:
                self._news.notify_all()

        self._waking = asyncio.ensure_future(wake())


class Platform:
    """A supervisor running in the background of a test."""

    def __init__(self, record: Record, stop: SupervisorStop, task: asyncio.Task[None]) -> None:
        self.record = record
        self.stop = stop
        self.task = task

    async def end(self) -> None:
        self.stop.ask()
        await self.task


@pytest.fixture
def script():
    """Makes a process that runs a few lines; without lines it is well until SIGTERM."""

    def make(
        name: str,
        body: str = "notify('READY=1\\nSTATUS=well')\nsignal.pause()",
        *,
        needs: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> ProcessSpec:
        command = (sys.executable, "-S", "-E", "-c", PRELUDE + body)
        return ProcessSpec(name=name, command=command, needs=frozenset(needs), environment=environment or {})

    return make


LIMITS = ChildLimits(
    start_ns_max=10_000_000_000,
    silence_ns_max=60_000_000_000,
    log_size_max_bytes=100_000,
    log_count_max=3,
    restart=RestartPolicy(delay_ns_min=1_000_000, delay_ns_max=100_000_000, settled_after_ns=60_000_000_000),
)


@pytest.fixture
def usual_limits() -> ChildLimits:
    return LIMITS


@pytest.fixture
def running(tmp_path: Path):
    """Runs processes while a context lasts, and ends them whatever happens."""

    @asynccontextmanager
    async def start(
        *specs: ProcessSpec,
        limits: ChildLimits = LIMITS,
        stop_ns_max: int = 5_000_000_000,
        clock: Clock = SYSTEM_CLOCK,
    ) -> AsyncIterator[Platform]:
        record, stop = Record(), SupervisorStop()
        task = asyncio.create_task(
            supervise(
                specs,
                limits=limits,
                clock=clock,
                watcher=record,
                log_dir=tmp_path,
                stop=stop,
                stop_ns_max=stop_ns_max,
            )
        )
        try:
            yield Platform(record, stop, task)
        finally:
            stop.ask()
            await task

    return start
