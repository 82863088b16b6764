"""What holds when stream, stop requests and witness are compared; the stream itself is in tests/integration."""

from dataclasses import replace

import pytest

from pipeline.system_manager.change import FIRST_START, UNREADABLE, UNREADABLE_STOP, SwitchChange, asked_on_the_bus
from pipeline.system_manager.latch import settled
from quote_core.bus.register import Stored
from quote_core.events import Header, KillSwitch, Lifecycle, Phase, StopRequest, TradingState, decode, encode

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def event(revision: int, state: TradingState, *, name: str = "a", stops_seen: int = 0) -> KillSwitch:
    return KillSwitch(
        header=header(f"{name}{revision}"),
        state=state,
        trigger="manual",
        reason=f"{name} {revision}",
        actor="tester",
        revision=revision,
        changed_unix_ns=revision % 2**63,
        stops_seen=stops_seen,
    )


def header(name: str) -> Header:
    return Header(event_id=name.encode()[:16].ljust(16), created_unix_ns=1, slot=0)


def request(state: TradingState = HALTED, *, reason: str = "asked", actor: str = "person bob") -> StopRequest:
    return StopRequest(header=header(reason), state=state, trigger="manual", reason=reason, actor=actor)


def written(found: KillSwitch | SwitchChange) -> tuple[TradingState, str]:
    assert isinstance(found, SwitchChange)
    return found.state, found.reason


def test_the_very_first_start_is_active() -> None:
    assert settled(None, None, witness=None) is FIRST_START
    assert FIRST_START.state is ACTIVE


@pytest.mark.parametrize("state", list(TradingState))
def test_a_lost_stream_is_replaced_by_the_witness(state: TradingState) -> None:
    assert written(settled(None, None, witness=event(5, state))) == (state, "a 5")


def test_a_lost_stream_with_an_unreadable_witness_halts() -> None:
    assert settled(None, None, witness=UNREADABLE) is UNREADABLE


def test_what_is_no_kill_switch_halts() -> None:
    other = Lifecycle(header=header("x"), service="x", instance="1", phase=Phase.READY, pid=1, detail="")
    assert settled(Stored(9, None), None, witness=event(5, ACTIVE)) is UNREADABLE
    assert settled(Stored(9, other), None, witness=None) is UNREADABLE


@pytest.mark.parametrize("witness", [None, UNREADABLE, event(5, ACTIVE)])
def test_the_stream_holds_against_no_or_the_same_witness(witness: KillSwitch | SwitchChange | None) -> None:
    assert settled(Stored(9, event(5, ACTIVE)), None, witness=witness) == event(5, ACTIVE)


@pytest.mark.parametrize("revision", [0, 2**63, 2**64 - 1])
def test_without_a_witness_a_revision_out_of_bounds_only_stops(revision: int) -> None:
    assert written(settled(Stored(9, event(revision, ACTIVE)), None, witness=None))[0] is HALTED
    assert written(settled(Stored(9, event(revision, REDUCING)), None, witness=None))[0] is REDUCING


@pytest.mark.parametrize("revision", [4, 5, 6])
def test_a_stricter_witness_wins(revision: int) -> None:
    """The file is written before a stop is published: the stream may lack it."""
    found = settled(Stored(9, event(5, ACTIVE)), None, witness=event(revision, HALTED, name="b"))
    assert written(found) == (HALTED, f"b {revision}")


@pytest.mark.parametrize("revision", [0, 5, 7, 1005, 2**64 - 1])
def test_a_stop_that_somebody_published_counts_and_is_written_under_the_next_revision(revision: int) -> None:
    found = settled(Stored(9, event(revision, HALTED, name="b")), None, witness=event(5, ACTIVE))
    assert written(found) == (HALTED, f"b {revision}")


def test_a_stop_with_the_next_revision_holds() -> None:
    assert settled(Stored(9, event(6, HALTED, name="b")), None, witness=event(5, ACTIVE)) == event(6, HALTED, name="b")


@pytest.mark.parametrize("revision", [0, 5, 6, 7, 1005, 2**64 - 1])
@pytest.mark.parametrize("state", [ACTIVE, REDUCING])
def test_nothing_that_somebody_else_published_loosens(revision: int, state: TradingState) -> None:
    found = settled(Stored(9, event(revision, state, name="b", stops_seen=8)), None, witness=event(5, HALTED))
    assert written(found) == (HALTED, "a 5")


@pytest.mark.parametrize("witness", [None, event(5, ACTIVE, stops_seen=7)])
def test_a_stop_request_not_yet_seen_is_latched(witness: KillSwitch | None) -> None:
    latched = Stored(9, event(5, ACTIVE, stops_seen=7))
    assert written(settled(latched, Stored(8, request()), witness=witness)) == (HALTED, "asked")
    assert settled(latched, Stored(7, request()), witness=witness) == latched.event


def test_a_stop_request_that_cannot_be_read_halts() -> None:
    assert settled(Stored(9, event(5, ACTIVE)), Stored(8, None), witness=None) is UNREADABLE_STOP


@pytest.mark.parametrize("seen", [8, 2**64 - 1])
def test_a_made_up_event_does_not_hide_a_stop_request(seen: int) -> None:
    forged = Stored(10, event(6, ACTIVE, name="b", stops_seen=seen))
    found = settled(forged, Stored(8, request()), witness=event(5, ACTIVE, stops_seen=7))
    assert written(found) == (HALTED, "asked")


def test_neither_a_request_nor_a_stop_loosens() -> None:
    halted = event(5, HALTED)
    assert settled(Stored(9, halted), Stored(10, request(REDUCING)), witness=halted) == halted
    assert settled(Stored(9, halted), None, witness=halted, stop=event(6, REDUCING, name="b")) == halted


def test_a_stop_that_is_not_stored_is_written() -> None:
    active = event(5, ACTIVE)
    assert written(settled(Stored(9, active), None, witness=active, stop=event(6, HALTED, name="b"))) == (HALTED, "b 6")


def test_a_request_for_active_is_one_for_halted() -> None:
    asked = asked_on_the_bus(request(ACTIVE))
    assert (asked.state, asked.actor) == (HALTED, "person bob, bus")
    assert asked_on_the_bus(request(actor="")).actor == "bus"


@pytest.mark.parametrize("text", ["x" * 60_000, "\ud800" * 10, "a\x1b[2Jb\r\nc", "\0" * 1_000])
def test_a_change_can_always_be_encoded_and_read_again(text: str) -> None:
    change = SwitchChange(HALTED, text, text, text)
    full = replace(event(1, HALTED), trigger=change.trigger, reason=change.reason, actor=change.actor)
    assert decode(encode(full)) == full
    assert len(change.reason) <= 500
    assert change.reason.isprintable()


def test_a_text_that_was_cut_says_so() -> None:
    assert SwitchChange(HALTED, "manual", "x" * 501).reason == "x" * 499 + "…"
    assert SwitchChange(HALTED, "manual", "x" * 500).reason == "x" * 500
