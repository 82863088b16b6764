"""One supervised process: started when what it needs is healthy, watched, restarted, and ended on request."""

import asyncio
import collections
import contextlib
import ctypes
import os
import signal
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from quote_core.clock import Clock
from quote_core.running.log_files import LineSplitter
from quote_core.running.status import ProcessState, ProcessView
from solquote.supervisor.lifecycle import ProcessEvent, RestartPolicy, after
from solquote.supervisor.log_file import LogFile
from solquote.supervisor.log_shape import readable, shaped
from solquote.supervisor.nats_server import ROOM_BYTES_MIN, free_bytes, probe_nats
from solquote.supervisor.notify import Notice, NotifySocket
from solquote.supervisor.specification import EmbeddedNats, ProcessSpec, Watcher

__all__ = ["Child", "ChildLimits"]

_PR_SET_PDEATHSIG: Final = 1
_LOOK_S: Final = 0.25
"""How often silence and the start's deadline are looked at."""
_LATE_NS: Final = 3_000_000_000
_PROBE_EVERY_S: Final = 1.0
_PROBE_START_S: Final = 0.05
_OUTPUT_END_S: Final = 0.5
"""How long the rest of a dead child's output is waited for; a grandchild could hold the pipe open for ever."""
MEND_AFTER_NS: Final = 2_000_000_000
"""A server that is not well though it could be is given this long to get well by itself."""
_EARLY_NOTICES_MAX: Final = 16
_CHUNK_BYTES: Final = 65536
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """Bounds on a child's patience with us and ours with it."""

    start_ns_max: int
    """Longest silence before a child is healthy: it has to import and load."""
    silence_ns_max: int
    """Longest silence of a healthy one."""
    log_size_max_bytes: int
    log_count_max: int
    restart: RestartPolicy


class Child:
    """Keeps one process alive until `stop`."""

    def __init__(
        self, spec: ProcessSpec, *, limits: ChildLimits, clock: Clock, watcher: Watcher, socket_dir: Path, log_dir: Path
    ) -> None:
        self.spec = spec
        self.view = ProcessView(name=spec.name, state=ProcessState.WAITING, address=spec.address)
        self.ready = asyncio.Event()
        self._limits = limits
        self._clock = clock
        self._watcher = watcher
        self._socket_path = socket_dir / f"{spec.name}.sock"
        self._log_path = log_dir / f"{spec.name}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._terminate_wanted = False
        self._heard_mono_ns = 0
        self._failure_count = 0
        self._early: collections.deque[Notice] = collections.deque(maxlen=_EARLY_NOTICES_MAX)

    async def keep(self, needs: tuple["Child", ...]) -> None:
        """Run the process again and again until `stop`; returns when it has ended for good."""
        limits = self._limits
        with LogFile(self._log_path, size_max_bytes=limits.log_size_max_bytes, count_max=limits.log_count_max) as log:
            while not self._stopping.is_set():
                await self._unless_stopping(*(need.ready.wait() for need in needs))
                if self._stopping.is_set():
                    break
                await self._run_once(log)
                if self.view.state is ProcessState.BACKOFF:
                    delay_ns = self._limits.restart.delay_ns(self._failure_count)
                    await self._unless_stopping(asyncio.sleep(delay_ns / 1e9))
                    if not self._stopping.is_set():
                        self._step(ProcessEvent.RETRY)
        self._step(ProcessEvent.END, pid=None, started_mono_ns=None)

    def stop(self) -> None:
        """Start no more; what runs is left alone until `terminate`."""
        self._stopping.set()
        self._step(ProcessEvent.STOP)

    def terminate(self) -> None:
        """Ask the process to end."""
        self._terminate_wanted = True
        self._send(signal.SIGTERM)

    def hang_up(self) -> None:
        """Let the process read its settings again; one that is still starting reads them anyhow."""
        if self.ready.is_set() and self.spec.nats is None:
            self._send(signal.SIGHUP)

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self._send(signal.SIGKILL)

    async def _run_once(self, log: LogFile) -> None:
        self._early.clear()
        with NotifySocket(self._socket_path, self._heard) as notify:
            environment = {**self.spec.environment, "NOTIFY_SOCKET": str(notify.path)}
            try:
                process = await _spawn(self.spec.command, environment)
            except OSError as error:
                self._failed(f"could not be started: {error.strerror}", ran_ns=0, log=log)
                return
            started_mono_ns = self._heard_mono_ns = self._clock.mono_ns()
            self._process = process
            if not self._stopping.is_set():
                self._step(ProcessEvent.START, pid=process.pid, started_mono_ns=started_mono_ns, status="")
                while self._early:
                    self._heard(self._early.popleft())
            if self._terminate_wanted:
                self.terminate()
            watching = [asyncio.create_task(self._watch())]
            if self.spec.nats is not None:
                watching.append(asyncio.create_task(self._probe(self.spec.nats)))
            output = asyncio.create_task(self._copy_output(process, log))
            try:
                return_code = await process.wait()
                await asyncio.wait([output], timeout=_OUTPUT_END_S)
            finally:
                if process.returncode is None:  # we are being cancelled: leave nothing running
                    self.kill()
                await _cancel(*watching, output)
                self._process = None
                self.ready.clear()
        self._failed(_in_words(return_code), ran_ns=self._clock.mono_ns() - started_mono_ns, log=log)

    def _failed(self, how: str, *, ran_ns: int, log: LogFile) -> None:
        if self._stopping.is_set():
            return
        if self.view.state is ProcessState.WAITING:
            self._step(ProcessEvent.START)
        self._failure_count = self._limits.restart.failure_count(self._failure_count, ran_ns=ran_ns)
        delay_ms = self._limits.restart.delay_ns(self._failure_count) // 1_000_000
        restart_count = self.view.restart_count + 1
        self._step(ProcessEvent.FAIL, pid=None, started_mono_ns=None, status=how, restart_count=restart_count)
        self._watcher.told(self.spec.name, f"{how}; restart {restart_count} in {delay_ms} ms; log: {log.path}")
        for line in log.last_lines:
            self._watcher.told(self.spec.name, "  | " + "".join(piece for piece, _ in readable(line)))
        self._keep(f"{how}; restart {restart_count} in {delay_ms} ms".encode(), log)
        log.last_lines.clear()

    async def _watch(self) -> None:
        """Kill the process when it is silent for too long; one that tells why it is not healthy yet is left alone."""
        while True:
            asleep_mono_ns = self._clock.mono_ns()
            await asyncio.sleep(_LOOK_S)
            now_mono_ns = self._clock.mono_ns()
            if now_mono_ns - asleep_mono_ns > _LATE_NS:  # we were stopped (Ctrl-Z), or starved: it could not be heard
                self._heard_mono_ns = now_mono_ns
            is_healthy = self.view.state in {ProcessState.HEALTHY, ProcessState.UNHEALTHY}
            silence_ns_max = self._limits.silence_ns_max if is_healthy else self._limits.start_ns_max
            if now_mono_ns - self._heard_mono_ns > silence_ns_max and not self._stopping.is_set():
                self._watcher.told(self.spec.name, f"silent for {silence_ns_max / 1e9:g} s, killed")
                self.kill()
                return

    async def _probe(self, nats: EmbeddedNats) -> None:
        """A server that cannot notify is asked instead; its answer counts as its notice.

        JetStream takes nothing more for a stream whose file could once not be written, however much room there is
        again, until the server is started anew.
        """
        mending_from_mono_ns: int | None = None
        while True:
            condition = await probe_nats(nats)
            if condition is None or condition.is_ready:
                mending_from_mono_ns = None
            if condition is not None and condition.is_ready:
                self._heard(Notice(ready=True, status=condition.line))
            elif condition is not None:
                self._sickened(condition.line)
                now_mono_ns = self._clock.mono_ns()
                if free_bytes(nats.store) < ROOM_BYTES_MIN:
                    mending_from_mono_ns = None
                elif mending_from_mono_ns is None:
                    mending_from_mono_ns = now_mono_ns
                elif now_mono_ns - mending_from_mono_ns >= MEND_AFTER_NS and not self._stopping.is_set():
                    self._watcher.told(self.spec.name, "JetStream does not take messages though there is room: killed")
                    self.kill()  # what it has acknowledged is on the disk
                    return
            await asyncio.sleep(_PROBE_EVERY_S if self.view.state is not ProcessState.STARTING else _PROBE_START_S)

    def _sickened(self, how: str) -> None:
        """It runs and does not do its work."""
        self._heard_mono_ns = self._clock.mono_ns()
        if self._stopping.is_set():
            return
        if self.view.state is ProcessState.HEALTHY:
            self.ready.clear()
            self._step(ProcessEvent.SICKEN, status=how)
            self._watcher.told(self.spec.name, how)
        elif how != self.view.status:
            self.view = replace(self.view, status=how)
            self._watcher.changed(self.view)

    def _heard(self, notice: Notice) -> None:
        self._heard_mono_ns = self._clock.mono_ns()
        if self._stopping.is_set():
            return
        if self._process is None:  # quicker than our own knowledge that it has started
            self._early.append(notice)
            return
        status = self.view.status if notice.status is None else notice.status
        if notice.ready:
            self._step(ProcessEvent.READY, status=status)
            self.ready.set()
        elif notice.status is not None and self.view.state in {ProcessState.HEALTHY, ProcessState.UNHEALTHY}:
            # It reports without READY what keeps it from its work. `ready` stays: those who need it outlive that.
            self._step(ProcessEvent.SICKEN, status=status)
        elif status != self.view.status:
            self.view = replace(self.view, status=status)
            self._watcher.changed(self.view)

    async def _copy_output(self, process: asyncio.subprocess.Process, log: LogFile) -> None:
        assert process.stdout is not None
        splitter = LineSplitter()
        while chunk := await process.stdout.read(_CHUNK_BYTES):
            for line in splitter.feed(chunk):
                self._keep(line, log)
        for line in splitter.end():
            self._keep(line, log)

    def _keep(self, line: bytes, log: LogFile) -> None:
        kept = shaped(line, service=self.spec.name, unix_ns=self._clock.unix_ns())
        if kept:
            self._watcher.logged(self.spec.name, log.write(kept))

    async def _unless_stopping(self, *waits: Coroutine[Any, Any, object]) -> None:
        """Wait for all of `waits`, but no longer than until `stop`."""
        if not waits:
            return
        stopping: asyncio.Future[Any] = asyncio.ensure_future(self._stopping.wait())
        waiting: asyncio.Future[Any] = asyncio.gather(*waits)
        try:
            await asyncio.wait([stopping, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel(stopping, waiting)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _step(self, event: ProcessEvent, **changes: object) -> None:
        view = replace(self.view, state=after(self.view.state, event), **changes)  # type: ignore[arg-type]  # replace checks
        if view != self.view:
            self.view = view
            self._watcher.changed(view)


async def _spawn(command: Sequence[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start a process in a session of its own, so that Ctrl-C reaches only us, and bound to die with us."""
    parent_pid = os.getpid()

    def tie_to_parent() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # it died before the call: the signal will not come any more
            os._exit(1)

    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        start_new_session=True,
        preexec_fn=tie_to_parent,
    )


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _in_words(return_code: int) -> str:
    if return_code >= 0:
        return f"ended with exit code {return_code}"
    with contextlib.suppress(ValueError):
        return f"ended by {signal.Signals(-return_code).name}"
    return f"ended by signal {-return_code}"
