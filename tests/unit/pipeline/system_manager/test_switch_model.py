"""Trip, release, restart and loss in every order: the switch is what a model of two bits says.

The model: whether trading is stopped, and whether the day's loss is reached. The moves are played on the real gate,
latch, manager and rules (`fakes.switch_play`). After each the gate must not be open where the model says stopped, but
for a stop that has not had the time to arrive; and once everything works again it is open exactly where the model says
active, and the manager holds what the model says. What ends in a state that an earlier order of as many or fewer moves
has reached is not continued: what comes cannot differ then.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from fakes.switch_play import Played
from fakes.switch_world import ACTIVE, HALTED, MS
from fakes.switchboard import SILENCE_NS

from pipeline.system_manager.manager import Manager
from quote_core.events import KillSwitch, decode

DEPTH = 4
DEPTH_LONG = 8
"""7,040 schedules, 1,231 states, some 45 s of work."""
OLDER_MAX = -3


@dataclass(frozen=True, slots=True)
class Model:
    """What people may rely on."""

    is_stopped: bool = False
    is_broken: bool = False
    """A rule has tripped, and nobody has forced a release since."""


def tripped(model: Model) -> Model:
    return replace(model, is_stopped=True)


def rule_tripped(_: Model) -> Model:
    return Model(is_stopped=True, is_broken=True)


def released(model: Model) -> Model:
    return model if model.is_broken else Model()


def forced(_: Model) -> Model:
    return Model()


def unchanged(model: Model) -> Model:
    return model


def restarted(world: Played) -> None:
    """The manager is killed and started again."""
    for _ in range(2):
        world.manager_dies_or_starts()


Move = tuple[Callable[[Played], None], Callable[[Model], Model]]
MOVES: tuple[Move, ...] = (
    (Played.trip, tripped),
    (Played.rule_trips, rule_tripped),
    (Played.release_all, released),
    (Played.release_forced, forced),
    (restarted, unchanged),
    (Played.gate_starts_again, unchanged),
    (Played.messages_are_lost, unchanged),
    (Played.settle, unchanged),
)


def state_of(world: Played, model: Model) -> Hashable:
    """All that decides what comes: events by what they are to each other, times as ages up to the manager's silence."""
    manager, view = world.manager, world.gate.gate._view
    assert manager is not None
    held = manager.manager.held
    assert held is not None

    def age(since_ns: int | None) -> int | None:
        return None if since_ns is None else min(world.clock.now_ns - since_ns, SILENCE_NS) // (100 * MS)

    def newer(revision: int) -> int:
        """Than what the manager holds; of what is older by far no more is asked than that."""
        return max(revision - held.revision, OLDER_MAX)

    def event(each: Any) -> Hashable:
        """As seen from what the manager holds."""
        if not isinstance(each, KillSwitch):
            return type(each).__name__
        sent = age(each.sent.mono_ns) if each.sent.boot_id else None
        return each.header.event_id == held.header.event_id, each.state, newer(each.revision), sent

    def switch(each: Any) -> Hashable:
        return each and (each.event_id == held.header.event_id, each.state, newer(each.revision or 0))

    def beat(each: Any) -> Hashable:
        return each and (switch(each.switch), age(each.sent.mono_ns), age(each.heard_mono_ns))

    reading = view.reading and (switch(view.reading.latched), switch(view.reading.request), view.reading.is_waiting)
    return (
        model,
        held.state,
        tuple(trip.rule for trip in manager.manager.triggering()),
        (view.connected, reading, beat(view.vouched), beat(view.announced)),
        tuple((switch(push.switch), age(push.heard_mono_ns)) for push in view.pushed),
        tuple(
            (
                tuple(
                    (subject, tuple(dict.fromkeys(event(decode(data)) for data in waiting)))
                    for subject, waiting in process.line.waiting.items()
                    if waiting
                ),
                tuple((each.what, each.is_done) for each in process.line.operations),
            )
            for process in world.processes
        ),
        manager.manager._latch.unstored_stop is not None,
        (age(world.stopped_ns), world.is_stored, world.stood_still, age(world.ran_gate_ns)),
    )


def play(schedule: tuple[Move, ...], seen: set[Hashable]) -> bool:
    """Play a schedule; whether it ends in a state not seen before.

    Raises:
        AssertionError: The switch is not what the model says.
    """
    world, model = Played(), Model()
    try:
        for move, changed in schedule:
            move(world)
            model = changed(model)
            if model.is_stopped:
                world.told()  # a release that was refused took nothing back
            world.check()
        state = state_of(world, model)
        is_new = state not in seen
        seen.add(state)
        if is_new:
            world.settle()
            assert world.manager is not None
            held = world.manager.manager.held
            wanted = HALTED if model.is_stopped else ACTIVE
            assert held is not None
            assert held.state is wanted, f"{held.state.name} is latched"
            assert world.gate.gate.state is wanted, f"the gate says {world.gate.gate.state.name}"
    except AssertionError as error:
        raise AssertionError(f"{error}: {', '.join(move.__name__ for move, _ in schedule)}") from error
    finally:
        for process in world.processes:
            process.die()
    return is_new


def schedules(depth: int, seen: set[Hashable]) -> Iterator[tuple[Move, ...]]:
    """Play all that begin in a new state, the shorter ones first."""
    new: list[tuple[Move, ...]] = [()]
    for _ in range(depth):
        before, new = new, []
        for begun in before:
            for move in MOVES:
                schedule = (*begun, move)
                if play(schedule, seen):
                    new.append(schedule)
                yield schedule


QUIET = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@QUIET
@pytest.mark.parametrize(
    "depth", [DEPTH, pytest.param(DEPTH_LONG, marks=pytest.mark.long)], ids=lambda depth: f"{depth} moves"
)
def test_the_switch_is_what_the_model_says_in_every_order(depth: int) -> None:
    seen: set[Hashable] = set()
    played = sum(1 for _ in schedules(depth, seen))
    assert played > len(MOVES) ** 2
    assert len(seen) > len(MOVES)


@QUIET
@pytest.mark.parametrize("answer_count", range(8))
def test_a_rule_that_trips_while_a_release_is_under_way_stops_it(answer_count: int) -> None:
    world = Played()
    manager = world.manager
    assert manager is not None
    try:
        world.trip()
        manager.release()
        world.turn(manager)
        for _ in range(answer_count):
            for operation in manager.line.operations[:1]:
                manager.line.take_effect(operation, is_stored=True)
                manager.line.answer(operation, is_lost=False)
                world.turn(manager)
        world.rule_trips()
        world.settle()
        held = manager.manager.held
        assert held is not None
        assert (held.state, world.gate.gate.state) == (HALTED, HALTED)
    finally:
        for process in world.processes:
            process.die()


def without_rules(manager: Manager) -> tuple[()]:
    del manager
    return ()


@QUIET
def test_a_manager_that_releases_whatever_its_rules_say_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Manager, "triggering", without_rules)
    with pytest.raises(AssertionError, match="rule_trips, release_all"):
        for _ in schedules(2, set()):
            pass
