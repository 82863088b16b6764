"""What every process of the platform does around its work: settings, logs, signals, and one sign of life a second.

| what happens                              | the supervisor hears         | `on_change` hears | exit code            |
|-------------------------------------------|------------------------------|-------------------|----------------------|
| a setting is wrong                        | nothing                      |                   | 2, naming each       |
| not ready, or not any more                | STATUS, ten times a second   | False, once       |                      |
| ready                                     | READY and STATUS each second | True, once        |                      |
| SIGTERM or SIGINT, the first one          | STOPPING, before the clean-up| False, if ready   | 0, after it          |
| another signal                            |                              |                   | it changes nothing   |
| the work ends by itself                   | STOPPING                     | False, if ready   | 0                    |
| the work fails for a reason not its own   | STOPPING                     | False, if ready   | 1, in one sentence   |
| it fails by a fault of the program        | STOPPING                     | False, if ready   | 1, with a traceback  |

How long a clean-up may take is bounded by whoever cleans up, and by the supervisor, which kills.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog

from quote_core.errors import leaves, sentence_of
from quote_core.health import Condition
from quote_core.settings import PlatformSettings, ServiceSettings, SettingsError, load_with_platform
from quote_core.telemetry.logs import start_logs
from quote_core.telemetry.readiness import Readiness

__all__ = ["EXIT_BAD_SETTINGS", "EXIT_FAILED", "run_process", "work_until_told"]

REPORT_INTERVAL_S: Final = 1.0
UNREADY_INTERVAL_S: Final = 0.1
"""Whoever waits for a process to be ready should not wait for its next report."""
EXIT_FAILED: Final = 1
EXIT_BAD_SETTINGS: Final = 2

_Settings = TypeVar("_Settings", bound=ServiceSettings)
_OnChange = Callable[[bool], Awaitable[None]]


def run_process(
    service: str,
    model: type[_Settings],
    run: Callable[[PlatformSettings, _Settings, asyncio.Event], Coroutine[Any, Any, None]],
) -> None:
    """Load settings, start logs, and run until done, or until SIGTERM or SIGINT sets the event that `run` is given.

    Raises:
        SystemExit: 2 when a setting is wrong, 1 when something else keeps it from running; standard error says what.
    """
    try:
        platform, settings = load_with_platform(model)
        start_logs(service, platform.log_level)
        structlog.get_logger().info("starting", pid=os.getpid())
        # What is imported stays: a full collection stops the loop, for 30 ms with these objects and 2 ms without them.
        gc.freeze()
        asyncio.run(_run_until_signal(lambda stop: run(platform, settings, stop)))
    except Exception as error:
        wrong_settings = [leaf for leaf in leaves(error) if isinstance(leaf, SettingsError)]
        if len(wrong_settings) == len(leaves(error)):
            mistakes = dict.fromkeys(mistake for one in wrong_settings for mistake in one.mistakes)
            sys.stderr.write("\n".join([f"{service} cannot start:", *mistakes, ""]))
            sys.exit(EXIT_BAD_SETTINGS)
        sentence = sentence_of(error)
        if sentence is None:
            raise
        sys.stderr.write(f"{service} cannot run: {sentence}\n")
        sys.exit(EXIT_FAILED)
    finally:
        gc.unfreeze()


async def _run_until_signal(run: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(stop)


async def work_until_told(
    *works: Coroutine[Any, Any, None],
    stop: asyncio.Event,
    condition: Callable[[], Condition],
    on_change: _OnChange | None = None,
) -> None:
    """Do all of `works` until they have ended or `stop` is set, telling the supervisor how things are all the while.

    Args:
        works: Cancelled once when `stop` is set; one that wants to finish what it has in hand catches that. A failure
            of one ends them all.
        stop: Set when the process is to end.
        condition: How it is now.
        on_change: Called with each new value of `Condition.is_ready`, which is False before the first report, e.g. to
            switch `grpc.health.v1`.
    """
    reports = _Reports(condition, on_change)
    tasks = [
        asyncio.create_task(_do_all(works)),
        asyncio.create_task(stop.wait()),
        asyncio.create_task(reports.run()),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await reports.stopping()
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        reports.close()
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def _do_all(works: tuple[Coroutine[Any, Any, None], ...]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for work in works:
            tasks.create_task(work)


class _Reports:
    def __init__(self, condition: Callable[[], Condition], on_change: _OnChange | None) -> None:
        self._condition = condition
        self._on_change = on_change
        self._readiness = Readiness()
        self._was_ready = False

    async def run(self) -> None:
        while True:
            now = self._condition()
            await self._note(is_ready=now.is_ready)
            if now.is_ready:
                self._readiness.ready(now.line)
            else:
                self._readiness.status(now.line)
            await asyncio.sleep(REPORT_INTERVAL_S if now.is_ready else UNREADY_INTERVAL_S)

    async def stopping(self) -> None:
        self._readiness.stopping()
        await self._note(is_ready=False)

    def close(self) -> None:
        self._readiness.close()

    async def _note(self, *, is_ready: bool) -> None:
        if is_ready != self._was_ready:
            self._was_ready = is_ready
            if self._on_change is not None:
                await self._on_change(is_ready)
