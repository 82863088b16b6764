"""What holds when stream and witness are compared; the stream itself is in tests/integration/test_kill_switch.py."""

import pytest

from pipeline.system_manager.latch import FIRST_START, UNREADABLE, Change, settled
from quote_core.bus.register import Stored
from quote_core.events import Header, KillSwitch, Lifecycle, Phase, TradingState

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def event(revision: int, state: TradingState, *, name: str = "a") -> KillSwitch:
    return KillSwitch(
        header=Header(event_id=f"{name}{revision}".encode().ljust(16), created_unix_ns=revision, slot=0),
        state=state,
        trigger="manual",
        reason=f"{name} {revision}",
        actor="tester",
        revision=revision,
        changed_unix_ns=revision,
    )


def test_the_very_first_start_is_active() -> None:
    assert settled(None, None) is FIRST_START
    assert FIRST_START.state is ACTIVE


@pytest.mark.parametrize("state", list(TradingState))
def test_a_lost_stream_is_replaced_by_the_witness(state: TradingState) -> None:
    found = settled(None, event(5, state))
    assert isinstance(found, Change)
    assert (found.state, found.reason) == (state, "a 5")


def test_a_lost_stream_with_an_unreadable_witness_halts() -> None:
    assert settled(None, UNREADABLE).state is HALTED


def test_what_is_no_kill_switch_halts() -> None:
    other = Lifecycle(header=event(1, ACTIVE).header, service="x", instance="1", phase=Phase.READY, pid=1, detail="")
    assert settled(Stored(9, None), event(5, ACTIVE)) is UNREADABLE
    assert settled(Stored(9, other), None) is UNREADABLE


@pytest.mark.parametrize("witness", [None, UNREADABLE, event(4, HALTED), event(5, ACTIVE)])
def test_the_stream_holds_against_no_older_or_the_same_witness(witness: KillSwitch | Change | None) -> None:
    assert settled(Stored(9, event(5, ACTIVE)), witness) == event(5, ACTIVE)


@pytest.mark.parametrize("revision", [5, 6])
def test_a_stricter_witness_that_is_not_older_wins(revision: int) -> None:
    found = settled(Stored(9, event(5, ACTIVE)), event(revision, HALTED, name="b"))
    assert isinstance(found, Change)
    assert found.state is HALTED


def test_a_stop_with_a_stale_revision_is_written_again() -> None:
    found = settled(Stored(9, event(0, HALTED, name="b")), event(5, ACTIVE))
    assert isinstance(found, Change)
    assert (found.state, found.reason) == (HALTED, "b 0")


def test_a_release_with_a_stale_revision_is_not() -> None:
    found = settled(Stored(9, event(5, ACTIVE, name="b")), event(5, REDUCING))
    assert isinstance(found, Change)
    assert found.state is REDUCING


def test_a_release_with_the_next_revision_holds() -> None:
    assert settled(Stored(9, event(6, ACTIVE, name="b")), event(5, HALTED)) == event(6, ACTIVE, name="b")
