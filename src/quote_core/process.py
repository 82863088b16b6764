"""What every process does around its work: settings, logs, metrics, signals, and one sign of life a second.

| what happens                              | the supervisor hears         | `on_change` hears | exit code            |
|-------------------------------------------|------------------------------|-------------------|----------------------|
| a setting is wrong                        | nothing                      |                   | 2, naming each       |
| not ready, or not any more                | STATUS, ten times a second   | False, once       |                      |
| ready                                     | READY and STATUS each second | True, once        |                      |
| SIGTERM or SIGINT, the first one          | STOPPING, before the clean-up| False, if ready   | 0, after it          |
| another of these, whenever that is        | nothing                      |                   | 128 + its number, now|
| SIGHUP                                    | nothing                      |                   | settings: `hangup`   |
| the work ends by itself                   | STOPPING                     | False, if ready   | 0                    |
| the work fails for a reason not its own   | STOPPING                     | False, if ready   | 1, in one sentence   |
| it fails by a fault of the program        | STOPPING                     | False, if ready   | 1, with a traceback  |

How long a clean-up may take is bounded by whoever cleans up, and by the supervisor, which kills. A second signal leaves
out the clean-up, as SIGKILL does: what every process keeps is made to outlast that.
"""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from importlib.metadata import version
from typing import Any, Final, TypeVar

import structlog

from quote_core.errors import leaves, sentence_of
from quote_core.hangup import hung_up
from quote_core.health import Condition
from quote_core.setting_secrets import secrets_in
from quote_core.settings import PlatformSettings, ServiceSettings, SettingsError, environment_name, load_with_platform
from quote_core.telemetry.followed_level import follow_level
from quote_core.telemetry.followed_profiles import follow_profile_orders
from quote_core.telemetry.logs import hide, masked, start_logs
from quote_core.telemetry.loop_lag import LoopLag
from quote_core.telemetry.memory import memory_use
from quote_core.telemetry.metrics import Catalogue, MetricSource, MetricsPage, Sample
from quote_core.telemetry.readiness import Readiness
from quote_core.telemetry.sent_profiles import sending_profiles
from quote_core.telemetry.traces import ExporterMissing, start_traces
from quote_core.web.metrics_endpoint import serve_metrics

__all__ = ["EXIT_BAD_SETTINGS", "EXIT_BY_SIGNAL", "EXIT_FAILED", "PROCESS_METRICS", "run_process", "work_until_told"]

REPORT_INTERVAL_S: Final = 1.0
UNREADY_INTERVAL_S: Final = 0.1
"""Whoever waits for a process to be ready should not wait for its next report."""
EXIT_FAILED: Final = 1
EXIT_BAD_SETTINGS: Final = 2
EXIT_BY_SIGNAL: Final = 128
"""And the signal's number: as shells tell it."""
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

PROCESS_METRICS: Final = Catalogue("Every process")
_BUILD = PROCESS_METRICS.gauge(
    "solquote_build_info", "Always 1: which process this is, and its version", "process", "version"
)
_READY = PROCESS_METRICS.gauge("solquote_process_ready", "1 while the process does its job, as its supervisor is told")
_LAG = PROCESS_METRICS.histogram("solquote_event_loop_lag_seconds", "How late the event loop came to a timer")
_MEMORY = PROCESS_METRICS.gauge(
    "solquote_memory_used_bytes", "Memory in use under the limit that is nearest to being reached"
)
_MEMORY_LIMIT = PROCESS_METRICS.gauge("solquote_memory_limit_bytes", "That limit; 0 = not known")

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
        hide(secrets_in(platform, settings))
        start_logs(service, platform.log_level)
        structlog.get_logger().info("starting", pid=os.getpid())
        with contextlib.ExitStack() as stack:
            _start_traces(service, platform, stack)
            stack.enter_context(
                sending_profiles(
                    service,
                    endpoint=platform.profile_endpoint,
                    window_ns=platform.profile_window,
                    samples_per_s=platform.profile_samples_per_s,
                )
            )
            # What is imported stays: a full collection stops the loop, for 30 ms with these objects, 2 ms without.
            gc.freeze()
            asyncio.run(
                _run_until_signal(service, lambda stop: run(platform, settings, stop), _heed(service, platform))
            )
    except Exception as error:
        wrong_settings = [leaf for leaf in leaves(error) if isinstance(leaf, SettingsError)]
        if len(wrong_settings) == len(leaves(error)):
            mistakes = dict.fromkeys(mistake for one in wrong_settings for mistake in one.mistakes)
            sys.stderr.write("\n".join([f"{service} cannot start:", *mistakes, ""]))
            sys.exit(EXIT_BAD_SETTINGS)
        sentence = sentence_of(error)
        if sentence is None:
            raise
        sys.stderr.write(masked(f"{service} cannot run: {sentence}\n"))
        sys.exit(EXIT_FAILED)
    finally:
        gc.unfreeze()


def _start_traces(service: str, platform: PlatformSettings, stack: contextlib.ExitStack) -> None:
    try:
        stack.enter_context(
            start_traces(
                service,
                exporter=platform.trace_exporter,
                endpoint=platform.trace_endpoint,
                ratio=platform.trace_sample,
                run_id=platform.run_id,
            )
        )
    except ExporterMissing as error:
        name = environment_name(platform.section, "trace_exporter")
        raise SettingsError([f"{name}: {platform.trace_exporter} {error}"]) from None


async def _heed(service: str, platform: PlatformSettings) -> None:
    """Heed `solquote logs --level` and `solquote profile`; a process without a data folder hears nothing of them."""
    with contextlib.suppress(SettingsError):
        folder = platform.data_folder()
        await asyncio.gather(
            follow_level(folder, service, default=platform.log_level), follow_profile_orders(folder, service)
        )


async def _run_until_signal(
    service: str, run: Callable[[asyncio.Event], Coroutine[Any, Any, None]], beside: Coroutine[Any, Any, None]
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up)
    besides = asyncio.create_task(beside)
    try:
        with _stopped_by_signals(service, stop):
            await run(stop)
    finally:
        besides.cancel()
        await asyncio.gather(besides, return_exceptions=True)


@contextlib.contextmanager
def _stopped_by_signals(service: str, stop: asyncio.Event) -> Iterator[None]:
    """Let the first signal set `stop` and any other end the process at once, also when the loop is stuck by then."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}

    def first(number: signal.Signals) -> None:
        if stop.is_set():  # both came before the loop had heard of either
            at_once(number, None)
        for each in _STOP_SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, at_once)
        stop.set()

    def at_once(number: int, _: object) -> None:
        os.write(sys.stderr.fileno(), f"{service} ends at once: {signal.Signals(number).name} again\n".encode())
        os._exit(EXIT_BY_SIGNAL + number)

    for each in _STOP_SIGNALS:
        loop.add_signal_handler(each, first, each)
    try:
        yield
    finally:
        for each, handler in before.items():
            loop.remove_signal_handler(each)
            signal.signal(each, handler)


async def work_until_told(
    *works: Coroutine[Any, Any, None],
    stop: asyncio.Event,
    condition: Callable[[], Condition],
    metrics: MetricsPage,
    on_change: _OnChange | None = None,
) -> None:
    """Do all of `works` until they have ended or `stop` is set, telling supervisor and scrapers all the while.

    Args:
        works: Cancelled once when `stop` is set; one that wants to finish what it has in hand catches that. A failure
            of one ends them all.
        stop: Set when the process is to end.
        condition: How it is now.
        metrics: What the process tells of itself; what all processes tell is added.
        on_change: Called with each new value of `Condition.is_ready`, which is False before the first report, e.g. to
            switch `grpc.health.v1`.

    Raises:
        ProviderUnavailable: The port of the metrics is taken.
    """
    lag, build = LoopLag(), (metrics.process, version("solquote"))
    metrics.add(MetricSource(PROCESS_METRICS, lambda: _samples(build, condition, lag)))
    with contextlib.ExitStack() as unless_begun:
        for work in works:
            unless_begun.callback(work.close)
        async with serve_metrics(metrics):
            unless_begun.pop_all()
            await _work_until_told(works, stop, _Reports(condition, on_change), lag)


async def _work_until_told(
    works: tuple[Coroutine[Any, Any, None], ...], stop: asyncio.Event, reports: "_Reports", lag: LoopLag
) -> None:
    tasks = [
        asyncio.create_task(_do_all(works)),
        asyncio.create_task(stop.wait()),
        asyncio.create_task(reports.run()),
        asyncio.create_task(lag.run()),
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


def _samples(build: tuple[str, str], condition: Callable[[], Condition], lag: LoopLag) -> Iterator[Sample]:
    memory = memory_use()
    yield _BUILD.of(1, *build)
    yield _READY.of(condition().is_ready)
    yield _LAG.of(lag.lag_s)
    yield _MEMORY.of(memory.used_bytes)
    yield _MEMORY_LIMIT.of(memory.limit_bytes)


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
