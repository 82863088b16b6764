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

import pytest
from fakes.switch_mutants import MUTANTS, Mutant
from fakes.switch_world import LATCH, MS, STOP, World, drop, pass_by, serve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.system_manager.registration import Registration
from quote_core.events import KILL_SWITCH_HEARTBEAT

STEPS_MAX = 120
MUTANT_WALKS = 20


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


@QUIET
@pytest.mark.parametrize(
    "mutant", [each for each in MUTANTS if each.owner is not Registration], ids=lambda mutant: mutant.rule
)
def test_without_this_rule_the_search_finds_a_trade(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    monkeypatch.setattr(mutant.owner, mutant.name, mutant.without)
    choose = random.Random(1)
    walks = [[choose.randrange(len(ACTIONS) * 1_000) for _ in range(STEPS_MAX)] for _ in range(MUTANT_WALKS)]
    for search, cases in ((play, SCENARIOS), (walk, walks)):
        for case in cases:
            try:
                search(case)  # type: ignore[operator]
            except AssertionError:
                return
    pytest.fail("nothing was found")
