"""No trade while stopped, whatever is lost, late, repeated, forged or restarted in whatever order.

The real gate, latch and manager run on the bus of `fakes.switchboard`, and a list of numbers chooses what happens next.
After every step the gate is asked whether it allows a trade. Once a stop was acknowledged to whoever asked (stored by
the stream, or kept by the manager), and until a release is asked for later, it must not

- for longer than the manager's silence, even if every push is lost;
- at all after its process stood still since.

What nobody can defend against from inside, one who may write both the latch and the heartbeat, is left to the bus's
permissions. Each rule that these properties rest on is then taken away, and search or scenarios must notice.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fakes.switchboard import SILENCE_NS, GateProcess, HeldWitness, ManagerProcess, Process, Server, SharedClock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.system_manager import latch as latch_module
from pipeline.system_manager.latch import Latch
from pipeline.trading_gate import GateView, Heartbeat, LatchReading, TradingGate
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
STEPS_MAX = 120
MUTANT_WALKS = 20


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
        self.stood_still = False
        """The gate's process has, since then."""
        self.trace: list[str] = []
        self.opened_count = 0
        for _ in range(3):
            self.calm()

    @property
    def processes(self) -> list[Process]:
        return [process for process in (self.manager, self.gate) if process is not None]

    def told(self) -> None:
        """A stop has been acknowledged."""
        if self.stopped_ns is None:
            self.stopped_ns = self.clock.now_ns
            self.stood_still = False

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
        stands_still = self.clock.now_ns - self.ran_gate_ns > STOOD_STILL_NS_MAX
        stood_still = self.stood_still or stands_still
        assert not stood_still, "open after standing still, without having read the stop"


ACTIONS: list[Callable[[World, int], None]] = [
    World.run_gate,
    World.run_manager,
    World.short_wait,
    World.long_wait,
    World.all_well,
    World.deliver,
    World.deliver,
    World.lose,
    World.take_effect,
    World.take_effect,
    World.refuse,
    World.answer,
    World.answer,
    World.lose_answer,
    World.person_stops,
    World.bus_stop,
    World.release,
    World.manager_dies,
    World.manager_starts,
    World.gate_restarts,
    World.connection_lost,
    World.connection_back,
    World.forge_heartbeat,
    World.repeat_heartbeat,
    World.forge_latch,
]


def walk(choices: list[int]) -> World:
    """Do what the numbers say, asking the gate after each step."""
    world = World()
    try:
        for number in choices:
            action = ACTIONS[number % len(ACTIONS)]
            world.trace.append(action.__name__)
            action(world, number // len(ACTIONS))
            world.check()
            if world.manager is not None:
                for task in world.manager.tasks:
                    assert not (task.done() and not task.cancelled() and task.exception()), "the manager crashed"
    except AssertionError as error:
        raise AssertionError(f"{error}: {', '.join(world.trace)}") from error
    finally:
        for process in world.processes:
            process.die()
    return world


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


def old_heartbeat(world: World) -> None:
    """A heartbeat from before the stop waits in a socket until long after it."""
    pass_by(world, 600)
    serve(world, world.manager)
    assert world.gate.line.waiting[KILL_SWITCH_HEARTBEAT]
    world.person_stops(1)
    serve(world, world.manager)
    drop(world, LATCH)
    pass_by(world, 3_100)
    world.gate.line.deliver(KILL_SWITCH_HEARTBEAT, is_lost=False)
    world.turn(world.gate)


def late_answer(world: World) -> None:
    """A reading from before the stop is answered after the process stood still."""
    world.forge_heartbeat(0)
    world.gate.line.deliver(KILL_SWITCH_HEARTBEAT, is_lost=False)
    world.turn(world.gate)
    while world.gate.line.operations:
        (reading,) = world.gate.line.operations
        world.gate.line.take_effect(reading, is_stored=True)
        if reading.result.__class__ is not world.server.stored[0].__class__:
            break  # there is no stop request: the second of the two questions
        world.gate.line.answer(reading, is_lost=False)
        world.turn(world.gate)
    world.person_stops(1)
    serve(world, world.manager)
    drop(world, LATCH)
    drop(world, KILL_SWITCH_HEARTBEAT)
    world.clock.now_ns += 300 * MS
    for reading in list(world.gate.line.operations):
        world.gate.line.answer(reading, is_lost=False)
    world.turn(world.gate)


def request_without_manager(world: World) -> None:
    """The manager has died, a stop request is stored, its push is lost in a pause of the gate's process."""
    world.manager_dies(0)
    world.bus_stop(1)
    drop(world, STOP)
    world.clock.now_ns += 300 * MS
    world.turn(world.gate)
    serve(world, world.gate)


def request_then_forgery(world: World) -> None:
    """A stop request while the manager is away, then an event on the latch that claims to have seen it."""
    world.manager_dies(0)
    world.bus_stop(1)
    world.forge_latch(1)
    world.manager_starts(0)
    for _ in range(40):
        world.calm()


def stop_without_bus_then_restart(world: World) -> None:
    """The bus takes nothing, the manager keeps the stop and dies."""
    world.person_stops(1)
    assert world.manager is not None
    for operation in list(world.manager.line.operations):
        world.manager.line.answer(operation, is_lost=True)
    world.turn(world.manager)
    assert world.stopped_ns is not None
    world.manager_dies(0)
    world.manager_starts(0)
    for _ in range(40):
        world.calm()


def stop_without_bus(world: World) -> None:
    """The bus takes nothing for a moment, and comes back."""
    world.person_stops(1)
    assert world.manager is not None
    world.manager.line.answer(world.manager.line.operations[0], is_lost=True)
    world.turn(world.manager)
    for _ in range(40):
        world.calm()


def foreign_release(world: World) -> None:
    """Somebody else writes ACTIVE under the next revision."""
    world.person_stops(1)
    for _ in range(5):
        world.calm()
    world.forge_latch(5)
    for _ in range(40):
        world.calm()


SCENARIOS = [
    old_heartbeat,
    late_answer,
    request_without_manager,
    request_then_forgery,
    stop_without_bus_then_restart,
    stop_without_bus,
    foreign_release,
]


def play(scenario: Callable[[World], None]) -> World:
    world = World()
    try:
        assert world.gate.gate.allows_new_trades
        scenario(world)
        world.check()
        assert world.stopped_ns is not None
    finally:
        for process in world.processes:
            process.die()
    return world


QUIET = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@QUIET
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_no_trade_in_what_has_gone_wrong_before(scenario: Callable[[World], None]) -> None:
    play(scenario)


@QUIET
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, len(ACTIONS) * 1_000 - 1), max_size=STEPS_MAX))
def test_no_trade_while_stopped(choices: list[int]) -> None:
    walk(choices)


def test_the_search_sees_open_gates_too() -> None:
    """Otherwise it would prove nothing."""
    assert walk([ACTIONS.index(World.all_well)] * 3).opened_count > 0


def by_arrival(beat: Heartbeat, now: Any, silence_ns_max: int) -> bool:
    return bool(now.mono_ns - beat.heard_mono_ns < silence_ns_max)


def believed(view: GateView, beat: Heartbeat) -> GateView:
    reading = view.reading
    if reading is not None and (beat.switch.revision or 0) > (reading.latched.revision or 0):
        reading = replace(reading, latched=beat.switch)
    return replace(view, reading=reading, vouched=beat)


def whenever_asked(view: GateView, reading: LatchReading, *, asked_at_age: int, **others: Any) -> GateView:
    del asked_at_age
    return AFTER_READING(view, reading, asked_at_age=view.age, **others)


def without_vouching(view: GateView, **others: Any) -> Any:
    if view.reading is not None and view.vouched is None:
        view = replace(view, vouched=Heartbeat(view.reading.latched, others["now"], others["now"].mono_ns))
    return DECIDE(view, **others)


async def not_saved(latch: Latch) -> bool:
    del latch
    return True


def forgotten(latch: Latch, wanted: Any) -> KillSwitch:
    latch._stop = None
    stop = KEEP(latch, wanted)
    latch._stop = None
    return stop


AFTER_READING, DECIDE, KEEP = GateView.after_reading, GateView.decide, Latch._keep
READING_OF = LatchReading.of.__func__  # type: ignore[attr-defined]


@QUIET
@pytest.mark.parametrize(
    ("owner", "name", "without"),
    [
        pytest.param(Heartbeat, "is_recent", by_arrival, id="a heartbeat counts by its sending"),
        pytest.param(GateView, "after_heartbeat", believed, id="a heartbeat never opens"),
        pytest.param(GateView, "decide", without_vouching, id="what was read must be vouched for"),
        pytest.param(GateView, "after_reading", whenever_asked, id="a reading asked for before does not count"),
        pytest.param(TradingGate, "_notice_standing_still", lambda _: None, id="standing still is noticed"),
        pytest.param(
            LatchReading,
            "of",
            classmethod(lambda cls, latch, _: READING_OF(cls, latch, None)),
            id="a stop request stops until it is latched",
        ),
        pytest.param(latch_module, "_stops_seen", lambda *_: 2**64 - 1, id="a stop request is latched"),
        pytest.param(latch_module, "_believed", lambda event, _: event, id="nobody else releases"),
        pytest.param(Latch, "_save", not_saved, id="a stop is on disk before it is acknowledged"),
        pytest.param(Latch, "_keep", forgotten, id="a stop is retried until it is stored"),
    ],
)
def test_without_this_rule_the_search_finds_a_trade(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, without: Any
) -> None:
    monkeypatch.setattr(owner, name, without)
    choose = random.Random(1)
    walks = [[choose.randrange(len(ACTIONS) * 1_000) for _ in range(STEPS_MAX)] for _ in range(MUTANT_WALKS)]
    for search, cases in ((play, SCENARIOS), (walk, walks)):
        for case in cases:
            try:
                search(case)  # type: ignore[operator]
            except AssertionError:
                return
    pytest.fail("nothing was found")
