"""Gate, latch and manager, the real ones, as processes of their own on a bus that a test drives step by step.

Every process has an event loop that runs only when told to, on a clock that only the test moves. So a process can stand
still while time passes; a request can be lost before or after it took effect, or its answer be late; what is pushed
waits, one queue a process and subject, until it is delivered or lost.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nats.js.errors import APIError, NotFoundError

from pipeline.system_manager.change import MANUAL, SwitchChange
from pipeline.system_manager.checkpoint import CheckpointFile
from pipeline.system_manager.latch import ChangedMeanwhile, Latch, NotYetStored
from pipeline.system_manager.limits import RuleName
from pipeline.system_manager.manager import Manager, StillTriggering
from pipeline.system_manager.registration import Registration
from pipeline.system_manager.rules import Rules
from pipeline.system_manager.settings import SystemManagerSettings
from pipeline.trading_gate import TradingGate
from quote_core.bus.acknowledged import Acknowledgement
from quote_core.bus.client_errors import upstream_errors
from quote_core.bus.connection import Bus
from quote_core.clock import Clock
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import Event, ExecutionResult, KillSwitch, Stream, TradingState, decode, encode
from quote_core.settings import PlatformSettings

HEARTBEAT_NS = 500_000_000
SILENCE_NS = 3_000_000_000
TURNS_MAX = 200
LIMITS = SystemManagerSettings().limits(PlatformSettings())


class SharedClock:
    """The time of all processes."""

    def __init__(self) -> None:
        self.now_ns = 10**12

    def mono_ns(self) -> int:
        return self.now_ns

    def unix_ns(self) -> int:
        return 1_700_000_000 * 10**9 + self.now_ns


class SteppedLoop(asyncio.SelectorEventLoop):
    """A loop on the shared clock, run until it has nothing more to do now."""

    def __init__(self, clock: SharedClock) -> None:
        self._shared_clock = clock
        super().__init__()

    def time(self) -> float:
        return self._shared_clock.now_ns / 1e9

    def turn(self) -> None:
        for _ in range(TURNS_MAX):
            self.call_soon(self.stop)
            self.run_forever()
            timers = [timer for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
            is_due = any(timer.when() <= self.time() for timer in timers)
            if not self._ready and not is_due:  # type: ignore[attr-defined]
                return


@dataclass
class Operation:
    """A request to the server, under way."""

    what: str
    effect: Callable[[], Any]
    route: Callable[[], None]
    future: "asyncio.Future[Any]"
    is_done: bool = False
    result: Any = None


@dataclass
class Stored:
    """A message, as its stream keeps it."""

    seq: int
    subject: str
    data: bytes
    time: None = None


@dataclass
class Server:
    """The SYSTEM stream and who listens, and what is on EXECUTED."""

    stored: list[Stored] = field(default_factory=list)
    lines: "list[Line]" = field(default_factory=list)
    executed: list[ExecutionResult] = field(default_factory=list)

    def last(self, subject: str) -> Stored:
        for message in reversed(self.stored):
            if message.subject == subject:
                return message
        raise NotFoundError(code=404, err_code=10037)

    def keep(self, subject: str, data: bytes, expected: int | None = None) -> Stored:
        if expected is not None:
            newest = next((m.seq for m in reversed(self.stored) if m.subject == subject), 0)
            if newest != expected:
                raise APIError(code=400, err_code=10071)
        self.stored.append(Stored(len(self.stored) + 1, subject, data))
        return self.stored[-1]

    def route(self, subject: str, data: bytes) -> None:
        for line in self.lines:
            if line.is_connected and subject in line.listeners:
                line.waiting.setdefault(subject, deque(maxlen=50)).append(data)


class Line:
    """What stands for `Bus` in one process."""

    def __init__(self, server: Server, loop: SteppedLoop) -> None:
        self.is_connected = True
        self.listeners: dict[str, Callable[[bytes], None]] = {}
        self.waiting: dict[str, deque[bytes]] = {}
        self.operations: list[Operation] = []
        self.jetstream = self
        self._server = server
        self._loop = loop
        server.lines.append(self)

    async def get_msg(self, _: str, *, subject: str) -> Stored:
        found: Stored = await self._asked(f"read {subject}", lambda: self._server.last(subject), lambda: None)
        return found

    async def publish_bytes(self, subject: str, data: bytes, headers: dict[str, str]) -> Acknowledgement:
        expected = int(headers["Nats-Expected-Last-Subject-Sequence"])
        if not self.is_connected:
            raise ProviderUnavailable("nats", "not connected")
        with upstream_errors():
            found: Stored = await self._asked(
                f"write {subject}",
                lambda: self._server.keep(subject, data, expected),
                lambda: self._server.route(subject, data),
            )
        return Acknowledgement(found.seq, is_duplicate=False)

    async def push(self, event: Event, *, subject: str) -> None:
        if not self.is_connected:
            raise ProviderUnavailable("nats", "not connected")
        self._server.route(subject, encode(event))

    async def listen(
        self, subject: str, on_event: Callable[[Event], None], *, on_malformed: Callable[[], None] = lambda: None
    ) -> None:
        def receive(data: bytes) -> None:
            try:
                event = decode(data)
            except LayoutMismatch:
                on_malformed()
            else:
                on_event(event)

        self.listeners[subject] = receive

    async def wait_for_stream(self, _: Stream) -> None:
        return

    async def _asked(self, what: str, effect: Callable[[], Any], route: Callable[[], None]) -> Any:
        operation = Operation(what, effect, route, self._loop.create_future())
        self.operations.append(operation)
        return await operation.future

    def take_effect(self, operation: Operation, *, is_stored: bool) -> None:
        """The server gets it; what it pushes it pushes, stored or not."""
        operation.is_done = True
        operation.route()
        try:
            operation.result = operation.effect() if is_stored else TimeoutError("lost")
        except (APIError, NotFoundError) as error:
            operation.result = error

    def answer(self, operation: Operation, *, is_lost: bool) -> None:
        """The answer arrives, or a time-out instead of it."""
        self.operations.remove(operation)
        if operation.future.done():
            return
        result = TimeoutError("lost") if is_lost or not operation.is_done else operation.result
        if isinstance(result, Exception):
            operation.future.set_exception(result)
        else:
            operation.future.set_result(result)

    def deliver(self, subject: str, *, is_lost: bool) -> None:
        """The oldest message that waits arrives; the callback is run by the process's loop."""
        data = self.waiting[subject].popleft()
        if not is_lost:
            self._loop.call_soon(self.listeners[subject], data)


class HeldWitness:
    """A file that outlives the manager."""

    def __init__(self) -> None:
        self.event: KillSwitch | None = None

    def load(self) -> KillSwitch | None:
        return self.event

    async def save(self, event: KillSwitch) -> bool:
        self.event = event
        return True


class Process:
    """One process: a loop, a line to the server, and its tasks."""

    def __init__(self, clock: SharedClock, server: Server) -> None:
        self.loop = SteppedLoop(clock)
        self.server = server
        self.line = Line(server, self.loop)
        self.tasks: list[asyncio.Task[Any]] = []

    @property
    def bus(self) -> Bus:
        return self.line  # type: ignore[return-value]

    def start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = self.loop.create_task(work)
        self.tasks.append(task)
        return task

    def die(self) -> None:
        """As by SIGKILL: nothing of it has any further effect."""
        self.server.lines.remove(self.line)
        self.line.is_connected = False
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        with contextlib.suppress(Exception):
            self.loop.turn()
        self.loop.close()


class GateProcess(Process):
    def __init__(self, clock: SharedClock, server: Server) -> None:
        super().__init__(clock, server)
        self.gate = TradingGate(nats_url="", name="test", clock=clock, silence_ns_max=SILENCE_NS)
        self.start(self.gate.attend(self.bus))


class ManagerProcess(Process):
    def __init__(self, clock: SharedClock, server: Server, witness: HeldWitness, *, name: str = "one") -> None:
        super().__init__(clock, server)
        shared_clock = _as_clock(clock)
        self.manager = Manager(
            Rules(LIMITS, since_unix_ns=0),
            Latch(clock=shared_clock, witness=witness, restate_after_ns=10**18),
            Registration(name, takes_over="", where="test", clock=shared_clock, restate_after_ns=10**18),
            CheckpointFile(Path("/nowhere")),
            clock=shared_clock,
            heartbeat_interval_ns=HEARTBEAT_NS,
            rate_window_ns=LIMITS.rate_window_ns,
        )
        self.manager._watch = self._recall  # type: ignore[method-assign]  # the streams behind it have tests of their own
        self.start(self.manager.run(self.bus))

    async def _recall(self, _: object) -> None:
        """As `ResultWatch` does, of what the server keeps; nobody reports on METRICS here."""
        await self.manager._settled.wait()
        for result in self.server.executed:
            self.manager._rules.recall(result)
        trip = self.manager._rules.judge_recalled(self.manager._clock.unix_ns())
        if trip is not None:
            await self.manager._stop(trip)
        self.manager._results._is_recalled.set()
        self.manager._news.set()

    def stop(self, state: TradingState, told: Callable[[bool], None]) -> None:
        """A person stops over HTTP; `told` when they are answered: the stream has the stop, or the manager keeps it."""

        async def ask() -> None:
            try:
                await self.manager.change(SwitchChange(state, MANUAL, "person"))
            except NotYetStored as error:
                if error.is_on_disk:
                    told(False)
            else:
                told(True)

        self.start(ask())

    def release(self, *forced: RuleName) -> None:
        """A person releases, naming these rules."""

        async def ask() -> None:
            with contextlib.suppress(ProviderUnavailable, ChangedMeanwhile, StillTriggering):
                await self.manager.change(SwitchChange(TradingState.ACTIVE, MANUAL, "person"), forced=forced)

        self.start(ask())

    def executed(self, result: ExecutionResult) -> None:
        """A result is stored on EXECUTED, and the manager hears of it."""
        self.server.executed.append(result)
        trip = self.manager._rules.judge_result(result)
        if trip is not None:
            self.start(self.manager._stop(trip))


def _as_clock(clock: SharedClock) -> Clock:
    return clock
