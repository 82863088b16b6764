"""Every short schedule of what can go wrong with the kill switch, in every order: no trade while it is latched.

`test_interleavings` walks far and at random; this looks everywhere near. The moves below are what a person, a fault or
an attacker does, with the messages it takes. All sequences of `DEPTH` moves (`DEPTH_LONG` in the long proofs) are
played on the real gate, latch and manager, and after each everything works again for longer than the manager's
silence. What ends in a state (up to the names of events) that a shorter or earlier one has reached is not continued.
Without any one of the rules the same search finds a trade. `test_switch_model` looks deeper with fewer moves.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import pytest
from fakes.switch_mutants import MUTANTS, Mutant
from fakes.switch_play import Played
from fakes.switch_world import MS
from fakes.switchboard import Process

from quote_core.errors import LayoutMismatch
from quote_core.events import KillSwitch, decode

DEPTH = 2
DEPTH_LONG = 3
"""2,250 schedules, 1,558 states, some 35 s of work."""
Move = Callable[[Played], None]
STOPS: tuple[Move, ...] = (Played.trip, Played.trip_unheard, Played.trip_unstored, Played.request)
MOVES: tuple[Move, ...] = (
    *STOPS,
    Played.gate_stalls,
    Played.silence,
    Played.manager_dies_or_starts,
    Played.gate_starts_again,
    Played.old_heartbeat,
    Played.forged_heartbeat,
    Played.forged_release,
    Played.stranger_releases,
    Played.slow_reading,
    Played.release_all,
    Played.messages_are_lost,
    Played.forged_stop,
    Played.all_is_well,
)


def state_of(world: Played) -> Hashable:
    """All that decides what comes, with times as ages and events numbered as they are met."""
    now_ns, numbers = world.clock.now_ns, dict[bytes, int]()

    def event(each: Any) -> Hashable:
        if each is None:
            return None
        number = numbers.setdefault(each.header.event_id, len(numbers))
        sent = (now_ns - each.sent.mono_ns) // MS if isinstance(each, KillSwitch) and each.sent.boot_id else None
        seen = each.stops_seen if isinstance(each, KillSwitch) else None
        return number, each.state if hasattr(each, "state") else each.phase, getattr(each, "revision", 0), sent, seen

    def switch(each: Any) -> Hashable:
        return each and (numbers.setdefault(each.event_id, len(numbers)), each.state, each.revision)

    def beat(each: Any) -> Hashable:
        return each and (switch(each.switch), (now_ns - each.sent.mono_ns) // MS, (now_ns - each.heard_mono_ns) // MS)

    def message(data: bytes) -> Hashable:
        try:
            return event(decode(data))
        except LayoutMismatch:
            return data

    view = world.gate.gate._view
    reading = view.reading and (switch(view.reading.latched), switch(view.reading.request), view.reading.is_waiting)
    return (
        tuple((each.subject, message(each.data)) for each in world.server.stored),
        (view.connected, reading, beat(view.vouched), beat(view.announced)),
        tuple((switch(push.switch), (now_ns - push.heard_mono_ns) // MS) for push in view.pushed),
        tuple(
            (
                tuple((subject, tuple(map(message, held))) for subject, held in process.line.waiting.items() if held),
                tuple((each.what, each.is_done) for each in process.line.operations),
                tuple(sorted(round(timer.when() * 1e3) - now_ns // MS for timer in timers_of(process))),
            )
            for process in world.processes
        ),
        tuple(
            manager and (event(manager.manager.held), event(manager.manager._latch.unstored_stop))
            for manager in (world.manager, world.stranger)
        ),
        event(world.witness.event),
        None if world.stopped_ns is None else (now_ns - world.stopped_ns) // MS,  # False would be equal to 0
        (world.is_stored, world.stood_still),
        (now_ns - world.ran_gate_ns) // MS,
    )


def timers_of(process: Process) -> list[Any]:
    return [timer for timer in process.loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]


def play(schedule: tuple[Move, ...], seen: set[Hashable]) -> bool:
    """Play a schedule; whether it ends in a state not seen before.

    Raises:
        AssertionError: A trade is allowed that must not be.
    """
    world = Played()
    try:
        for move in schedule:
            move(world)
            world.check()
        state = state_of(world)
        is_new = state not in seen
        seen.add(state)
        if is_new and world.stopped_ns is not None:
            world.settle()
    except AssertionError as error:
        raise AssertionError(f"{error}: {', '.join(move.__name__ for move in schedule)}") from error
    finally:
        for process in world.processes:
            process.die()
    return is_new


def schedules(depth: int, seen: set[Hashable]) -> Iterator[tuple[Move, ...]]:
    """Play all that begin in a new state, the shorter ones first; nothing can go wrong in one without a stop."""
    new: list[tuple[Move, ...]] = [()]
    for length in range(1, depth + 1):
        before, new = new, []
        for begun in before:
            for move in MOVES:
                schedule = (*begun, move)
                if length == depth and not any(each in STOPS for each in schedule):
                    continue
                if play(schedule, seen):
                    new.append(schedule)
                yield schedule


SHOWN_BY: dict[str, tuple[Move, ...]] = {
    "a heartbeat counts by its sending": (Played.trip_unheard, Played.silence, Played.old_heartbeat),
    "a heartbeat never opens": (Played.trip_unheard, Played.gate_stalls, Played.forged_heartbeat),
    "what was read must be vouched for": (Played.trip_unstored, Played.gate_starts_again, Played.silence),
    "a reading asked for before does not count": (Played.slow_reading, Played.trip_unheard, Played.gate_stalls),
    "standing still is noticed": (Played.trip_unheard, Played.gate_stalls),
    "a stop request stops until it is latched": (Played.request, Played.gate_stalls),
    "a stop request is latched": (Played.request, Played.forged_release),
    "nobody else releases": (Played.trip, Played.forged_release),
    "a stop is on disk before it is acknowledged": (
        Played.trip_unstored,
        Played.manager_dies_or_starts,
        Played.manager_dies_or_starts,
    ),
    "a stop is retried until it is stored": (Played.trip_unstored,),
    "a bus has one manager": (Played.trip, Played.manager_dies_or_starts, Played.stranger_releases),
}
"""A schedule of the search above that trades once the rule is gone."""

QUIET = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@QUIET
@pytest.mark.parametrize(
    "depth", [DEPTH, pytest.param(DEPTH_LONG, marks=pytest.mark.long)], ids=lambda depth: f"{depth} moves"
)
def test_no_trade_while_stopped_in_any_short_schedule(depth: int) -> None:
    seen: set[Hashable] = set()
    assert sum(1 for _ in schedules(depth, seen)) >= len(STOPS) + (depth - 1) * len(MOVES)
    assert len(seen) > len(MOVES)


@QUIET
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_without_this_rule_a_short_schedule_trades(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    schedule = SHOWN_BY[mutant.rule]
    assert len(schedule) <= DEPTH_LONG
    play(schedule, set())
    monkeypatch.setattr(mutant.owner, mutant.name, mutant.without)
    with pytest.raises(AssertionError, match="open "):
        play(schedule, set())


@QUIET
@pytest.mark.long
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_without_this_rule_the_search_finds_one_by_itself(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> None:
    monkeypatch.setattr(mutant.owner, mutant.name, mutant.without)
    with pytest.raises(AssertionError, match="open "):
        for _ in schedules(DEPTH_LONG, set()):
            pass
