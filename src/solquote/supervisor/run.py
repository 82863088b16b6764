"""Runs a set of processes until told to stop, then ends them in reverse order within a bounded time.

Who has something in hand that must not be cut short may take longer, by a bound of its own (`finish_ns_max`).
"""

import asyncio
import contextlib
import errno
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from quote_core.clock import Clock
from quote_core.running.status import ProcessState
from solquote.supervisor.child import Child, ChildLimits
from solquote.supervisor.specification import ProcessSpec, Watcher, stop_waves

__all__ = ["STOP_SIGNALS", "SupervisorStop", "supervise"]

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SOCKET_PATH_BYTES_MAX: Final = 107
"""sun_path of sockaddr_un, with its closing zero."""
_REMIND_S: Final = 10.0
"""How often it is said what is not healthy yet."""
_SURE_SHARE: Final = 0.4
"""Of the time to stop: divided evenly between the waves, whatever those before them take."""
_KILL_S_MAX: Final = 1.0
"""How long the kernel may take to end what was killed."""


class SupervisorStop:
    """Set once to stop in order, twice to stop at once; `on_hangup` is for what is not to stop at a SIGHUP."""

    def __init__(self) -> None:
        self.wanted = asyncio.Event()
        self.at_once = asyncio.Event()
        self.on_hangup: Callable[[], None] = self.ask

    def ask(self) -> None:
        """What a signal does."""
        (self.at_once if self.wanted.is_set() else self.wanted).set()

    def _hung_up(self) -> None:
        self.on_hangup()  # as it is by then

    @contextlib.contextmanager
    def from_signals(self) -> Iterator[None]:
        """Take SIGINT, SIGTERM and SIGHUP as requests while the context lasts.

        SIGHUP says that the terminal is gone. Who has none is told by it to read its settings again, as services are.
        """
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.ask)
        if not _has_terminal():
            loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)


async def supervise(
    specs: Sequence[ProcessSpec],
    *,
    limits: ChildLimits,
    clock: Clock,
    watcher: Watcher,
    log_dir: Path,
    stop: SupervisorStop,
    stop_ns_max: int,
) -> None:
    """Keep all of `specs` running until `stop`; nothing of them is left when this returns. `log_dir` exists.

    Raises:
        OSError: The temporary folder cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="solquote-") as socket_dir:  # 0700: only our children may notify
        _check_socket_paths(socket_dir, specs)
        children = {
            spec.name: Child(
                spec, limits=limits, clock=clock, watcher=watcher, socket_dir=Path(socket_dir), log_dir=log_dir
            )
            for spec in specs
        }
        async with asyncio.TaskGroup() as tasks:
            keeping = {
                name: tasks.create_task(child.keep(tuple(children[need] for need in sorted(child.spec.needs))))
                for name, child in children.items()
            }
            announcing = tasks.create_task(_announce(list(children.values()), clock=clock, watcher=watcher))
            stop.on_hangup = partial(_hang_up, children, watcher)
            try:
                await stop.wanted.wait()
            finally:
                stop.on_hangup = stop.ask
                announcing.cancel()
                waves = stop_waves(specs)
                await _stop_all(children, keeping, waves=waves, stop=stop, stop_ns_max=stop_ns_max, watcher=watcher)


def _hang_up(children: Mapping[str, Child], watcher: Watcher) -> None:
    watcher.told("solquote", "SIGHUP: settings are read again")
    for child in children.values():
        child.hang_up()


def _has_terminal() -> bool:
    """Whether there is a terminal that could be gone one day."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _check_socket_paths(folder: str, specs: Sequence[ProcessSpec]) -> None:
    """Refuse a temporary folder whose name leaves no room for a Unix socket's."""
    longest = max(len(os.fsencode(f"{folder}/{spec.name}.sock")) for spec in specs)
    if longest > _SOCKET_PATH_BYTES_MAX:
        raise OSError(errno.ENAMETOOLONG, "too long for a Unix socket below it; set TMPDIR to a shorter one", folder)


async def _announce(children: Sequence[Child], *, clock: Clock, watcher: Watcher) -> None:
    """Say once that all is well, and until then from time to time what is not."""
    started_mono_ns = clock.mono_ns()
    waiting = asyncio.create_task(_all_ready(children))
    try:
        while not (await asyncio.wait([waiting], timeout=_REMIND_S))[0]:
            watcher.told("solquote", "not healthy yet: " + "; ".join(_why(child) for child in children if _why(child)))
    finally:
        waiting.cancel()
    seconds = (clock.mono_ns() - started_mono_ns) / 1e9
    watcher.told("solquote", f"all {len(children)} processes are healthy after {seconds:.1f} s")


async def _all_ready(children: Sequence[Child]) -> None:
    for child in children:
        await child.ready.wait()


def _why(child: Child) -> str:
    """What keeps a child from being healthy; those that only wait for others are not to blame."""
    if child.ready.is_set() or child.view.state is ProcessState.WAITING:
        return ""
    return f"{child.spec.name} ({child.view.status or child.view.state.value})"


async def _stop_all(
    children: dict[str, Child],
    keeping: dict[str, asyncio.Task[None]],
    *,
    waves: list[list[str]],
    stop: SupervisorStop,
    stop_ns_max: int,
    watcher: Watcher,
) -> None:
    """End wave after wave; each may take the time left but for what those behind it are sure of.

    So most waves end at once, and none can use up all of it. What a wave needs to finish what it has in hand comes on
    top: those behind it have as much time as without.
    """
    for child in children.values():
        child.stop()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + stop_ns_max / 1e9
    at_once = asyncio.create_task(stop.at_once.wait())
    for position, wave in enumerate(waves):
        for name in wave:
            children[name].terminate()
        later_count = len(waves) - position - 1
        sure_s = stop_ns_max / 1e9 * _SURE_SHARE / len(waves)
        patience_s = max(0.0, deadline - loop.time() - later_count * sure_s)
        await _ended([keeping[name] for name in wave], timeout_s=patience_s, unless=at_once)
        finishing = [name for name in wave if children[name].spec.finish_ns_max and not keeping[name].done()]
        for name in set(wave).difference(finishing):
            children[name].kill()
        if finishing and not at_once.done():
            watcher.told("solquote", f"{', '.join(finishing)}: finishing what is in hand; told again, all end at once")
            began = loop.time()
            finish_s = max(children[name].spec.finish_ns_max for name in finishing) / 1e9
            await _ended([keeping[name] for name in finishing], timeout_s=finish_s, unless=at_once)
            deadline += loop.time() - began
        for name in finishing:
            children[name].kill()
        await asyncio.wait([keeping[name] for name in wave], timeout=_KILL_S_MAX)
    at_once.cancel()


async def _ended(tasks: Sequence[asyncio.Task[None]], *, timeout_s: float, unless: asyncio.Task[object]) -> None:
    """Wait until all of `tasks` are over, or `unless` is, or the time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    left = set(tasks)
    while left and not unless.done() and loop.time() < deadline:
        done, _ = await asyncio.wait(
            {*left, unless}, timeout=deadline - loop.time(), return_when=asyncio.FIRST_COMPLETED
        )
        left -= done
