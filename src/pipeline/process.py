"""What every pipeline process does around its work: settings, logs, signals, and one sign of life a second."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from quote_core.errors import sentence_of
from quote_core.settings import PlatformSettings, ServiceSettings, SettingsError
from quote_core.telemetry import Readiness, start_logs

__all__ = ["Condition", "main", "work_until_told"]

REPORT_INTERVAL_S: Final = 1.0
EXIT_FAILED: Final = 1
EXIT_BAD_SETTINGS: Final = 2

_Settings = TypeVar("_Settings", bound=ServiceSettings)


@dataclass(frozen=True, slots=True)
class Condition:
    """How a process is: `is_ready` once it does its job, and one short line for people."""

    is_ready: bool
    line: str


def main(
    service: str, model: type[_Settings], run: Callable[[PlatformSettings, _Settings], Coroutine[Any, Any, None]]
) -> None:
    """Load settings, start logs, and run until done or told to stop.

    Exit 2 names every wrong setting, exit 1 what else keeps it from running.
    """
    try:
        platform, settings = PlatformSettings.load(), model.load()
        start_logs(service, platform.log_level)
        asyncio.run(run(platform, settings))
    except SettingsError as error:
        sys.stderr.write(f"{service} cannot start:\n{error}\n")
        sys.exit(EXIT_BAD_SETTINGS)
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        sys.stderr.write(f"{service} cannot run: {sentence}\n")
        sys.exit(EXIT_FAILED)


async def work_until_told(work: Awaitable[None], *, condition: Callable[[], Condition]) -> None:
    """Do `work` until it ends or SIGTERM or SIGINT comes, telling the supervisor how things are all the while.

    The first signal cancels the work, whose clean-up must be quick; a stage that wants to finish what it has in hand
    catches the cancellation.
    """
    loop = asyncio.get_running_loop()
    readiness = Readiness()
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    reporting = asyncio.create_task(_report(readiness, condition))
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        readiness.stopping()
        reporting.cancel()
        readiness.close()


async def _report(readiness: Readiness, condition: Callable[[], Condition]) -> None:
    while True:
        now = condition()
        if now.is_ready:
            readiness.ready(now.line)
        else:
            readiness.status(now.line)
        await asyncio.sleep(REPORT_INTERVAL_S)
