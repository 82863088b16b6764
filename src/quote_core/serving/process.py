"""What every quote service does around its work: settings, logs, signals, and one sign of life a second."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from quote_core.errors import sentence_of
from quote_core.settings import PlatformSettings, ServiceSettings, SettingsError
from quote_core.telemetry import Readiness, start_logs

__all__ = ["report_until", "run_service"]

REPORT_INTERVAL_S: Final = 1.0
_STARTING_INTERVAL_S: Final = 0.1  # whoever waits for a service should not wait for its next report
EXIT_FAILED: Final = 1
EXIT_BAD_SETTINGS: Final = 2

_Settings = TypeVar("_Settings", bound=ServiceSettings)


def run_service(
    service: str,
    model: type[_Settings],
    run: Callable[[PlatformSettings, _Settings, asyncio.Event], Coroutine[Any, Any, None]],
) -> None:
    """Run a service until SIGTERM or SIGINT sets the event it is given; exit 2 names every wrong setting."""
    try:
        platform, settings = PlatformSettings.load(), model.load()
    except SettingsError as error:
        sys.stderr.write(f"{service} cannot start:\n{error}\n")
        sys.exit(EXIT_BAD_SETTINGS)
    start_logs(service, platform.log_level)

    async def until_told() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(platform, settings, stop)

    # What is imported stays: a full collection stops the loop, for 30 ms with these objects and for 2 ms without them.
    gc.freeze()
    try:
        asyncio.run(until_told())
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        sys.stderr.write(f"{service} cannot run: {sentence}\n")
        sys.exit(EXIT_FAILED)
    finally:
        gc.unfreeze()


async def report_until(
    stop: asyncio.Event,
    *,
    is_ready: Callable[[], bool],
    status: Callable[[], str],
    on_change: Callable[[bool], Coroutine[Any, Any, None]],
) -> None:
    """Tell the supervisor once a second how the service is, until `stop` is set.

    Args:
        stop: Set when the service is to end.
        is_ready: Whether it does its job now.
        status: One short line for people.
        on_change: Called with each new value of `is_ready`, e.g. to switch `grpc.health.v1`.
    """
    readiness = Readiness()
    was_ready = False
    try:
        while not stop.is_set():
            now_ready = is_ready()
            if now_ready != was_ready:
                await on_change(now_ready)
                was_ready = now_ready
            (readiness.ready if now_ready else readiness.status)(status())
            try:
                async with asyncio.timeout(REPORT_INTERVAL_S if now_ready else _STARTING_INTERVAL_S):
                    await stop.wait()
            except TimeoutError:
                continue
        readiness.stopping()
    finally:
        readiness.close()
