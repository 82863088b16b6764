"""One gate, one manager, one server, what may happen to them, and what people may rely on after each step.

Shared by the searches over interleavings: each picks what happens, and the world checks that no trade is allowed then.
"""

from collections.abc import Callable
from typing import Any

from fakes.switchboard import SILENCE_NS, GateProcess, HeldWitness, ManagerProcess, Process, Server, SharedClock

from pipeline.trading_gate.gate import STOOD_STILL_NS_MAX
from quote_core.clock import moment
from quote_core.errors import LayoutMismatch
from quote_core.events import (
    KILL_SWITCH_HEARTBEAT,
    KillSwitch,
    StopRequest,
    TradingState,
    decode,
    encode,
    kind_of,
    stamp,
)

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
LATCH, STOP = kind_of(KillSwitch).subject, kind_of(StopRequest).subject
MS = 1_000_000


class World:
    """One gate, one manager, one server, and what people have been told."""

    def __init__(self) -> None:
        self.clock = SharedClock()
        self.server = Server()
        self.witness = HeldWitness()
        self.manager: ManagerProcess | None = ManagerProcess(self.clock, self.server, self.witness)
        self.gate = GateProcess(self.clock, self.server)
        self.ran_gate_ns = self.clock.now_ns
        self.stopped_ns: int | None = None
        """Since when people may rely on a stop."""
        self.is_stored = False
        """The stream has that stop."""
        self.stood_still = False
        """The gate's process has, since the stream has it."""
        self.trace: list[str] = []
        self.opened_count = 0
        for _ in range(3):
            self.calm()

    @property
    def processes(self) -> list[Process]:
        return [process for process in (self.manager, self.gate) if process is not None]

    def told(self, is_stored: bool = True) -> None:  # called by who answers a person
        """A stop has been acknowledged: stored, or (202) kept by the manager until it can be."""
        if self.stopped_ns is None:
            self.stopped_ns = self.clock.now_ns
            self.is_stored = False
        if is_stored and not self.is_stored:
            self.is_stored, self.stood_still = True, False

    def turn(self, process: Process) -> None:
        if process is self.gate:
            self.stood_still |= self.clock.now_ns - self.ran_gate_ns > STOOD_STILL_NS_MAX
            self.ran_gate_ns = self.clock.now_ns
        process.loop.turn()

    def calm(self) -> None:
        """Everything works for a while."""
        for _ in range(6):
            for process in self.processes:
                self.turn(process)
                for subject, waiting in process.line.waiting.items():
                    while waiting:
                        process.line.deliver(subject, is_lost=False)
                for operation in list(process.line.operations):
                    if not operation.is_done:
                        process.line.take_effect(operation, is_stored=True)
                    process.line.answer(operation, is_lost=False)
                self.turn(process)
            self.check()
        self.clock.now_ns += 100 * MS

    # What may happen; each takes a number for whatever there is to choose.

    def run_gate(self, _: int) -> None:
        self.turn(self.gate)

    def run_manager(self, _: int) -> None:
        if self.manager is not None:
            self.turn(self.manager)

    def short_wait(self, _: int) -> None:
        self.clock.now_ns += 60 * MS
        for process in self.processes:
            self.turn(process)

    def long_wait(self, choice: int) -> None:
        """Time passes; what runs meanwhile runs, what stands still does not."""
        for _ in range((choice % 40) + 1):
            self.clock.now_ns += 100 * MS
            if choice % 3 != 0:
                self.turn(self.gate)
            if choice % 3 != 1:
                self.run_manager(choice)

    def all_well(self, _: int) -> None:
        self.calm()

    def deliver(self, choice: int) -> None:
        self._pass_on(choice, is_lost=False)

    def lose(self, choice: int) -> None:
        self._pass_on(choice, is_lost=True)

    def _pass_on(self, choice: int, *, is_lost: bool) -> None:
        queues = [
            (process, subject) for process in self.processes for subject, held in process.line.waiting.items() if held
        ]
        if queues:
            process, subject = queues[choice % len(queues)]
            process.line.deliver(subject, is_lost=is_lost)
            self.turn(process)

    def take_effect(self, choice: int) -> None:
        self._operate(choice, lambda line, op: line.take_effect(op, is_stored=True), is_done=False)

    def refuse(self, choice: int) -> None:
        self._operate(choice, lambda line, op: line.take_effect(op, is_stored=False), is_done=False)

    def answer(self, choice: int) -> None:
        self._operate(choice, lambda line, op: line.answer(op, is_lost=False), is_done=True)

    def lose_answer(self, choice: int) -> None:
        self._operate(choice, lambda line, op: line.answer(op, is_lost=True), is_done=None)

    def _operate(self, choice: int, what: Callable[[Any, Any], None], *, is_done: bool | None) -> None:
        found = [
            (process, operation)
            for process in self.processes
            for operation in process.line.operations
            if is_done is None or operation.is_done is is_done
        ]
        if found:
            process, operation = found[choice % len(found)]
            what(process.line, operation)
            self.turn(process)

    def person_stops(self, choice: int) -> None:
        if self.manager is not None:
            state = REDUCING if choice % 4 == 0 else HALTED
            self.manager.stop(state, self.told)
            self.turn(self.manager)

    def bus_stop(self, choice: int) -> None:
        """A stop request, stored at once; whoever sent it is told so."""
        request = StopRequest(
            header=stamp(self.clock), state=[ACTIVE, REDUCING, HALTED][choice % 3], trigger="", reason="bus", actor=""
        )
        data = encode(request) if choice % 5 else b"not an event"
        self.server.route(STOP, data)
        self.server.keep(STOP, data)
        self.told()

    def release(self, _: int) -> None:
        if self.manager is not None:
            self.manager.release()
            self.stopped_ns = None
            self.turn(self.manager)

    def manager_dies(self, _: int) -> None:
        if self.manager is not None:
            self.manager.die()
            self.manager = None

    def manager_starts(self, _: int) -> None:
        if self.manager is None:
            self.manager = ManagerProcess(self.clock, self.server, self.witness)
            self.turn(self.manager)

    def gate_restarts(self, _: int) -> None:
        self.gate.die()
        self.gate = GateProcess(self.clock, self.server)
        self.turn(self.gate)

    def connection_lost(self, _: int) -> None:
        line = self.gate.line
        if line.is_connected:
            line.is_connected = False
            line.waiting.clear()
            self.gate.loop.call_soon(lambda: self.gate.gate.on_connection(is_up=False))
            self.turn(self.gate)

    def connection_back(self, _: int) -> None:
        line = self.gate.line
        if not line.is_connected:
            line.is_connected = True
            self.gate.loop.call_soon(lambda: self.gate.gate.on_connection(is_up=True))
            self.turn(self.gate)

    def forge_heartbeat(self, choice: int) -> None:
        """Somebody repeats what is latched as if it were released, or something that never was, or an old heartbeat."""
        state = TradingState(choice % 3)
        revision = [0, 1, 2, 7, 2**62, 2**64 - 1][choice % 6]
        self.server.route(KILL_SWITCH_HEARTBEAT, encode(self._made_up(state, revision)))

    def repeat_heartbeat(self, choice: int) -> None:
        """The last one that was sent comes again, as late as it likes."""
        for process in self.processes:
            held = process.line.waiting.get(KILL_SWITCH_HEARTBEAT)
            if held:
                held.append(held[choice % len(held)])

    def forge_latch(self, choice: int) -> None:
        """Somebody who may write the latch writes it, unlike the manager's every write unconditionally."""
        try:
            newest = decode(self.server.last(LATCH).data)
        except LayoutMismatch:
            newest = None
        revision = newest.revision if isinstance(newest, KillSwitch) else 1
        claimed = min([revision + 1, revision, 0, revision + 1000, 2**64 - 1][choice % 5], 2**64 - 1)
        state = ACTIVE if choice % 7 else HALTED
        data = encode(self._made_up(state, claimed)) if choice % 11 else b"not an event"
        self.server.route(LATCH, data)
        self.server.keep(LATCH, data)

    def _made_up(self, state: TradingState, revision: int) -> KillSwitch:
        return KillSwitch(
            header=stamp(self.clock),
            state=state,
            trigger="manual",
            reason="forged",
            actor="",
            revision=revision,
            changed_unix_ns=2**64 - 1,
            sent=moment(self.clock),
            stops_seen=2**64 - 1,
        )

    def check(self) -> None:
        """The properties.

        Raises:
            AssertionError: A trade is allowed that must not be.
        """
        is_open = self.gate.gate.allows_new_trades
        self.opened_count += is_open
        if not is_open or self.stopped_ns is None:
            return
        since_ns = self.clock.now_ns - self.stopped_ns
        assert since_ns < SILENCE_NS, f"open {since_ns // MS} ms after a stop"
        if not self.is_stored:  # what is not in the stream cannot be read there; the silence of its manager closes
            return
        stands_still = self.clock.now_ns - self.ran_gate_ns > STOOD_STILL_NS_MAX
        stood_still = self.stood_still or stands_still
        assert not stood_still, "open after standing still, without having read the stop"


def serve(world: World, process: Process | None) -> None:
    """The server answers everything this process asks; nothing is delivered."""
    assert process is not None
    world.turn(process)
    while process.line.operations:
        for operation in list(process.line.operations):
            process.line.take_effect(operation, is_stored=True)
            process.line.answer(operation, is_lost=False)
        world.turn(process)


def drop(world: World, subject: str) -> None:
    while world.gate.line.waiting.get(subject):
        world.gate.line.deliver(subject, is_lost=True)


def pass_by(world: World, ms: int) -> None:
    """Time passes, and the gate runs."""
    for _ in range(ms // 100):
        world.clock.now_ns += 100 * MS
        world.turn(world.gate)
        world.check()
