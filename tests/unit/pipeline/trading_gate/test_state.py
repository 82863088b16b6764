"""The gate's table: it opens only on what it knows, and closes on anything else."""

from dataclasses import replace

import pytest

from pipeline.trading_gate import GateView, Heartbeat, LatchReading, SwitchState
from pipeline.trading_gate.state import PUSHED_COUNT_MAX, UNREADABLE
from quote_core.bus.register import Stored
from quote_core.clock import Moment
from quote_core.events import REVISION_MAX, Header, KillSwitch, StopRequest, TradingState

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
SILENCE_NS = 3_000_000_000
HOLD_NS = SILENCE_NS
BOOT = 7
UNIX_NS = 1_700_000_000_000_000_000


def at(mono_ns: int, *, boot_id: int = BOOT) -> Moment:
    return Moment(boot_id, mono_ns, UNIX_NS + mono_ns)


def switch(revision: int, state: TradingState = ACTIVE, *, name: str = "") -> SwitchState:
    return SwitchState(f"{name}{state.name}{revision}".encode(), state, f"{state.name} {revision}", revision)


def request(name: str, state: TradingState = HALTED) -> SwitchState:
    return SwitchState(name.encode(), state, name)


def beat(latched: SwitchState, *, sent: int = 0, heard: int | None = None) -> Heartbeat:
    return Heartbeat(latched, at(sent), sent if heard is None else heard)


def read(
    view: GateView,
    latched: SwitchState,
    *,
    asked: SwitchState | None = None,
    is_waiting: bool = False,
    age: int | None = None,
    mono_ns: int = 1,
) -> GateView:
    return view.after_reading(
        LatchReading(latched, asked, is_waiting),
        asked_at_age=view.age if age is None else age,
        asked_mono_ns=mono_ns,
        hold_ns=HOLD_NS,
    )


def latched_view(latched: SwitchState) -> GateView:
    return read(GateView().after_connecting(), latched).after_heartbeat(beat(latched))


def open_view(revision: int = 5) -> GateView:
    return latched_view(switch(revision))


def state(view: GateView, *, now: int = 1) -> TradingState:
    return view.decide(now=at(now), silence_ns_max=SILENCE_NS).state


def reason(view: GateView, *, now: int = 1) -> str:
    return view.decide(now=at(now), silence_ns_max=SILENCE_NS).reason


def test_a_gate_that_knows_nothing_is_closed() -> None:
    assert state(GateView()) is HALTED
    assert "disconnected" in reason(GateView())


def test_connected_but_not_told_is_closed() -> None:
    assert "not known" in reason(GateView().after_connecting())


def test_an_active_latch_without_a_heartbeat_is_closed() -> None:
    assert "silent" in reason(read(GateView().after_connecting(), switch(1)))


def test_a_heartbeat_alone_does_not_open() -> None:
    assert state(GateView().after_connecting().after_heartbeat(beat(switch(1)))) is HALTED


@pytest.mark.parametrize("heartbeat_first", [True, False])
def test_latch_and_heartbeat_together_open(heartbeat_first: bool) -> None:
    view = GateView().after_connecting()
    if heartbeat_first:
        view = read(view.after_heartbeat(beat(switch(1))), switch(1))
    else:
        view = read(view, switch(1)).after_heartbeat(beat(switch(1)))
    assert view.decide(now=at(1), silence_ns_max=SILENCE_NS).allows_new_trades


@pytest.mark.parametrize(("latched", "finishes"), [(ACTIVE, True), (REDUCING, True), (HALTED, False)])
def test_what_is_latched_decides(latched: TradingState, finishes: bool) -> None:
    decision = latched_view(switch(1, latched)).decide(now=at(1), silence_ns_max=SILENCE_NS)
    assert decision.state is latched
    assert decision.allows_new_trades is (latched is ACTIVE)
    assert decision.allows_finishing is finishes


def test_it_closes_after_the_silence_and_not_before() -> None:
    assert state(open_view(), now=SILENCE_NS - 1) is ACTIVE
    assert state(open_view(), now=SILENCE_NS) is HALTED


def test_a_heartbeat_counts_by_its_sending_not_by_its_arrival() -> None:
    late = beat(switch(5), sent=0, heard=2 * SILENCE_NS)
    assert late.age_ns(at(2 * SILENCE_NS)) == 2 * SILENCE_NS
    assert state(open_view().after_heartbeat(late), now=2 * SILENCE_NS) is HALTED


def test_a_heartbeat_from_the_future_vouches_for_nothing() -> None:
    assert state(open_view().after_heartbeat(beat(switch(5), sent=10**12, heard=1)), now=2) is HALTED


def test_of_another_host_the_wall_clock_tells() -> None:
    elsewhere = replace(beat(switch(5)), sent=at(1, boot_id=BOOT + 1))
    assert state(open_view().after_heartbeat(elsewhere), now=2) is ACTIVE
    assert state(open_view().after_heartbeat(elsewhere), now=SILENCE_NS + 1) is HALTED


def test_a_lost_connection_closes_and_the_way_back_needs_read_and_heartbeat() -> None:
    lost = open_view().after_disconnecting()
    assert state(lost) is HALTED
    back = lost.after_connecting()
    assert state(back) is HALTED
    again = read(back, switch(5))
    assert state(again) is HALTED
    assert state(again.after_heartbeat(beat(switch(5)))) is ACTIVE


def test_after_standing_still_it_is_closed_until_read_anew() -> None:
    stood = open_view().after_standing_still()
    assert state(stood) is HALTED
    assert state(stood.after_heartbeat(beat(switch(5)))) is HALTED
    assert state(read(stood, switch(5))) is ACTIVE
    assert state(read(stood, switch(6, HALTED))) is HALTED


@pytest.mark.parametrize("happens", ["after_connecting", "after_disconnecting", "after_standing_still"])
def test_a_reading_asked_for_before_does_not_count(happens: str) -> None:
    asked = open_view()
    view = getattr(asked, happens)()
    assert read(view, switch(5), age=asked.age) == view


@pytest.mark.parametrize("stop", [REDUCING, HALTED])
def test_a_pushed_stop_closes_at_once(stop: TradingState) -> None:
    assert state(open_view(5).after_push(switch(6, stop), 0)) is stop
    assert state(open_view(5).after_push(request("by hand", stop), 0)) is stop


@pytest.mark.parametrize("claimed", [0, 5, 6, 2**62, 2**64 - 1])
def test_a_pushed_stop_closes_whatever_revision_it_claims_and_a_release_after_it_opens(claimed: int) -> None:
    view = open_view(5).after_push(switch(claimed, HALTED), 0).after_heartbeat(beat(switch(5)))
    assert state(view) is HALTED
    assert state(read(view, switch(5))) is HALTED
    released = switch(7)
    view = read(view, released, mono_ns=HOLD_NS).after_heartbeat(beat(released, sent=HOLD_NS))
    assert state(view, now=HOLD_NS) is ACTIVE


def test_a_pushed_release_never_opens() -> None:
    assert state(latched_view(switch(5, HALTED)).after_push(switch(6, ACTIVE), 0)) is HALTED


def test_a_stored_release_opens_with_the_heartbeat_that_names_it() -> None:
    halted = latched_view(switch(6, HALTED))
    heard = halted.after_heartbeat(beat(switch(7)))
    assert state(heard) is HALTED
    assert heard.wants_reading
    assert state(read(heard, switch(7))) is ACTIVE
    assert state(read(halted, switch(7))) is HALTED


def test_a_forged_heartbeat_opens_nothing_and_closes_nothing() -> None:
    forged = beat(switch(9_999))
    assert state(latched_view(switch(5, HALTED)).after_heartbeat(forged)) is HALTED
    assert state(open_view(5).after_heartbeat(forged)) is ACTIVE
    looked_into = read(open_view(5).after_heartbeat(forged), switch(5))
    assert not looked_into.wants_reading


def test_a_release_that_somebody_else_wrote_opens_nothing() -> None:
    assert state(read(latched_view(switch(5, HALTED)), switch(6, name="forged"))) is HALTED


def test_a_stricter_heartbeat_closes_until_the_stream_was_read() -> None:
    view = open_view(5).after_heartbeat(beat(switch(6, HALTED)))
    assert state(view) is HALTED
    assert state(read(view, switch(5))) is HALTED
    assert state(read(view, switch(6, HALTED))) is HALTED


def test_old_heartbeats_and_readings_do_not_undo_a_pushed_stop() -> None:
    stopped = open_view(5).after_push(switch(6, HALTED), 0)
    assert state(stopped.after_heartbeat(beat(switch(5)))) is HALTED
    assert state(read(stopped, switch(5))) is HALTED


def test_a_lost_connection_does_not_undo_a_pushed_stop() -> None:
    stopped = open_view(5).after_push(switch(6, HALTED), 0).after_disconnecting().after_connecting()
    assert state(read(stopped, switch(5)).after_heartbeat(beat(switch(5)))) is HALTED


def test_a_pushed_stop_the_stream_never_shows_holds_as_long_as_silence_would() -> None:
    stopped = open_view(5).after_push(request("lost"), 10)
    assert stopped.wants_reading
    view = read(stopped, switch(5), mono_ns=HOLD_NS + 9).after_heartbeat(beat(switch(5), sent=HOLD_NS))
    assert state(view, now=HOLD_NS + 9) is HALTED
    assert state(read(view, switch(5), mono_ns=HOLD_NS + 10), now=HOLD_NS + 10) is ACTIVE


def test_a_release_of_the_same_revision_does_not_settle_a_pushed_stop() -> None:
    stopped = open_view(5).after_push(switch(6, HALTED), 0)
    released = switch(6, name="raced")
    assert state(read(stopped, released).after_heartbeat(beat(released))) is HALTED


def test_the_strictest_of_unsettled_stops_holds() -> None:
    assert state(open_view(5).after_push(switch(6, HALTED), 0).after_push(switch(0, REDUCING), 0)) is HALTED
    assert state(open_view(5).after_push(switch(6, REDUCING), 0).after_push(request("b"), 0)) is HALTED


def test_a_flood_of_stops_is_bounded_and_forgets_none() -> None:
    view = open_view(5).after_push(request("first"), 0)
    for count in range(10 * PUSHED_COUNT_MAX):
        view = view.after_push(request(f"more {count}", REDUCING), 0)
    assert len(view.pushed) == PUSHED_COUNT_MAX
    assert state(view) is HALTED


def test_a_reducing_push_does_not_loosen_a_halt() -> None:
    assert state(latched_view(switch(5, HALTED)).after_push(switch(6, REDUCING), 0)) is HALTED


def test_a_stop_request_that_is_not_latched_yet_stops() -> None:
    waiting = read(open_view(5), switch(5), asked=request("by hand"), is_waiting=True)
    assert (state(waiting), reason(waiting)) == (HALTED, "by hand")
    assert state(read(waiting, switch(5), asked=request("by hand"))) is ACTIVE


def test_a_push_that_was_read_already_is_no_news() -> None:
    view = read(open_view(5), switch(5), asked=request("settled"))
    assert view.after_push(request("settled"), 0) == view


def test_what_cannot_be_read_stops() -> None:
    assert state(open_view(5).after_push(UNREADABLE, 0)) is HALTED
    reading = LatchReading.of(Stored(3, event(5)), Stored(4, None))
    assert reading is not None
    assert reading.is_waiting
    assert reading.request is UNREADABLE
    garbage = LatchReading.of(Stored(3, None), None)
    assert garbage is not None
    assert garbage.latched is UNREADABLE


HEADER = Header(event_id=bytes(16), created_unix_ns=1, slot=0)


def event(revision: int, *, stops_seen: int = 0, why: str = "") -> KillSwitch:
    return KillSwitch(
        header=HEADER,
        state=ACTIVE,
        trigger="manual",
        reason=why,
        actor="",
        revision=revision,
        changed_unix_ns=1,
        stops_seen=stops_seen,
    )


@pytest.mark.parametrize(
    ("latch_sequence", "stops_seen", "request_sequence", "is_waiting"),
    [(3, 0, 4, True), (5, 4, 4, False), (5, 3, 4, True), (5, 2**64 - 1, 6, True)],
)
def test_a_request_waits_until_the_latch_has_seen_it(
    latch_sequence: int, stops_seen: int, request_sequence: int, is_waiting: bool
) -> None:
    asked = StopRequest(header=HEADER, state=ACTIVE, trigger="", reason="x", actor="")
    latch = Stored(latch_sequence, event(1, stops_seen=stops_seen))
    reading = LatchReading.of(latch, Stored(request_sequence, asked))
    assert reading is not None
    assert reading.is_waiting is is_waiting
    assert reading.request is not None
    assert reading.request.state is HALTED


def test_texts_from_the_bus_are_bounded() -> None:
    assert len(SwitchState.of(event(REVISION_MAX, why="x" * 60_000)).reason) <= 500
