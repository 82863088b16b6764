"""The gate's table: it opens only on what it knows, and closes on anything else."""

import pytest

from pipeline.trading_gate import GateView, Switch
from quote_core.events import TradingState

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
SILENCE_NS = 3_000_000_000


def switch(revision: int, state: TradingState = ACTIVE) -> Switch:
    return Switch(revision, state, f"{state.name} {revision}")


def open_view(revision: int = 5) -> GateView:
    latched = switch(revision)
    return GateView().after_connecting().after_read(latched).after_heartbeat(latched, 0)


def state(view: GateView, *, now: int = 1) -> TradingState:
    return view.decide(now_mono_ns=now, silence_ns_max=SILENCE_NS).state


def reason(view: GateView, *, now: int = 1) -> str:
    return view.decide(now_mono_ns=now, silence_ns_max=SILENCE_NS).reason


def test_a_gate_that_knows_nothing_is_closed() -> None:
    assert state(GateView()) is HALTED
    assert "disconnected" in reason(GateView())


def test_connected_but_not_told_is_closed() -> None:
    assert "not known" in reason(GateView().after_connecting())


def test_an_active_latch_without_a_heartbeat_is_closed() -> None:
    assert "silent" in reason(GateView().after_connecting().after_read(switch(1)))


def test_a_heartbeat_alone_does_not_open() -> None:
    assert state(GateView().after_connecting().after_heartbeat(switch(1), 0)) is HALTED


def test_latch_and_heartbeat_together_open() -> None:
    decision = open_view().decide(now_mono_ns=1, silence_ns_max=SILENCE_NS)
    assert decision.allows_new_trades


@pytest.mark.parametrize("latched", [REDUCING, HALTED])
def test_what_is_latched_decides(latched: TradingState) -> None:
    view = GateView().after_connecting().after_read(switch(1, latched)).after_heartbeat(switch(1, latched), 0)
    assert state(view) is latched
    assert not view.decide(now_mono_ns=1, silence_ns_max=SILENCE_NS).allows_new_trades


def test_it_closes_after_the_silence_and_not_before() -> None:
    assert state(open_view(), now=SILENCE_NS - 1) is ACTIVE
    assert state(open_view(), now=SILENCE_NS) is HALTED


def test_a_lost_connection_closes_and_the_way_back_needs_read_and_heartbeat() -> None:
    lost = open_view().after_disconnecting()
    assert state(lost) is HALTED
    back = lost.after_connecting()
    assert state(back) is HALTED
    read = back.after_read(switch(5))
    assert state(read) is HALTED
    assert state(read.after_heartbeat(switch(5), 0)) is ACTIVE


@pytest.mark.parametrize("stop", [REDUCING, HALTED])
def test_a_pushed_stop_closes_at_once(stop: TradingState) -> None:
    assert state(open_view(5).after_push(switch(6, stop))) is stop


@pytest.mark.parametrize("claimed", [0, 5, 6, 2**63])
def test_a_pushed_stop_closes_whatever_revision_it_claims(claimed: int) -> None:
    view = open_view(5).after_push(switch(claimed, HALTED)).after_heartbeat(switch(5), 0)
    assert state(view) is HALTED


def test_a_pushed_release_never_opens() -> None:
    halted = GateView().after_connecting().after_read(switch(5, HALTED)).after_heartbeat(switch(5, HALTED), 0)
    assert state(halted.after_push(switch(6, ACTIVE))) is HALTED


def test_a_stored_release_opens() -> None:
    halted = open_view(5).after_push(switch(6, HALTED)).after_heartbeat(switch(6, HALTED), 0)
    assert state(halted) is HALTED
    assert state(halted.after_heartbeat(switch(7, ACTIVE), 0)) is ACTIVE


def test_old_heartbeats_do_not_undo_a_pushed_stop() -> None:
    stopped = open_view(5).after_push(switch(6, HALTED))
    assert state(stopped.after_heartbeat(switch(5), 0)) is HALTED
    assert state(stopped.after_read(switch(5))) is HALTED


def test_a_lost_connection_does_not_undo_a_pushed_stop() -> None:
    stopped = open_view(5).after_push(switch(6, HALTED)).after_disconnecting().after_connecting()
    assert state(stopped.after_read(switch(5)).after_heartbeat(switch(5), 0)) is HALTED


def test_the_stricter_of_two_unsettled_stops_holds() -> None:
    view = open_view(5).after_push(switch(6, HALTED)).after_push(switch(0, REDUCING))
    assert state(view) is HALTED
    assert state(open_view(5).after_push(switch(6, REDUCING)).after_push(switch(0, HALTED))) is HALTED


def test_a_reducing_push_does_not_loosen_a_halt() -> None:
    halted = GateView().after_connecting().after_read(switch(5, HALTED)).after_heartbeat(switch(5, HALTED), 0)
    assert state(halted.after_push(switch(6, REDUCING))) is HALTED


def test_a_heartbeat_of_older_revision_asks_for_another_read_and_the_read_counts() -> None:
    view = open_view(5)
    assert view.disagrees_with(switch(1, HALTED))
    assert state(view.after_heartbeat(switch(1, HALTED), 0)) is ACTIVE
    assert state(view.after_read(switch(1, HALTED))) is HALTED
