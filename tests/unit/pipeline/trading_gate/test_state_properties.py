"""Whatever is heard in whatever order, a gate is open only with good reason.

The interleavings of gate, manager and bus are searched in tests/unit/pipeline/system_manager/test_interleavings.py.
"""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.trading_gate import GateView, Heartbeat, LatchReading, SwitchState
from quote_core.clock import Moment
from quote_core.events import TradingState

SILENCE_NS = 3

switches = st.builds(
    lambda revision, state: SwitchState(f"{revision}{state.name}".encode(), state, "", revision),
    st.integers(0, 4),
    st.sampled_from(TradingState),
)
heard = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["connect", "disconnect", "stall", "wait"]), st.none()),
        st.tuples(st.sampled_from(["read", "heartbeat", "old heartbeat", "push"]), switches),
    ),
    max_size=25,
)


def at(mono_ns: int) -> Moment:
    return Moment(1, mono_ns, mono_ns)


def walk(events: list[tuple[str, SwitchState | None]]) -> tuple[GateView, int]:
    view, now = GateView(), 0
    for kind, switch in events:
        match kind, switch:
            case "connect", _:
                view = view.after_connecting()
            case "disconnect", _:
                view = view.after_disconnecting()
            case "stall", _:
                view = view.after_standing_still()
            case "wait", _:
                now += 1
            case "read", SwitchState():
                view = view.after_reading(
                    LatchReading(switch), asked_at_age=view.age, asked_mono_ns=now, hold_ns=SILENCE_NS
                )
            case "heartbeat", SwitchState():
                view = view.after_heartbeat(Heartbeat(switch, at(now), now))
            case "old heartbeat", SwitchState():
                view = view.after_heartbeat(Heartbeat(switch, at(now - SILENCE_NS), now))
            case _, SwitchState():
                view = view.after_push(switch, now)
    return view, now


def is_open(view: GateView, now: int) -> bool:
    return view.decide(now=at(now), silence_ns_max=SILENCE_NS).allows_new_trades


@given(heard)
def test_open_implies_connected_read_since_and_a_young_heartbeat_for_what_was_read(
    events: list[tuple[str, SwitchState | None]],
) -> None:
    view, now = walk(events)
    if is_open(view, now):
        connected = max(i for i, (kind, _) in enumerate(events) if kind == "connect")
        since = events[connected:]
        kinds = [kind for kind, _ in since]
        assert "disconnect" not in kinds
        reads = [i for i, kind in enumerate(kinds) if kind == "read"]
        assert reads
        assert reads[-1] > max((i for i, kind in enumerate(kinds) if kind == "stall"), default=-1)
        latched = since[reads[-1]][1]
        beats = [i for i, entry in enumerate(since) if entry == ("heartbeat", latched)]
        assert beats
        assert kinds[beats[-1] :].count("wait") < SILENCE_NS


@given(heard, switches)
def test_a_stop_pushed_last_always_closes(events: list[tuple[str, SwitchState | None]], stop: SwitchState) -> None:
    view, now = walk(events)
    if stop.state is not TradingState.ACTIVE:
        assert not is_open(view.after_push(stop, now), now)


@given(heard, switches)
def test_a_push_never_opens(events: list[tuple[str, SwitchState | None]], switch: SwitchState) -> None:
    view, now = walk(events)
    if not is_open(view, now):
        assert not is_open(view.after_push(switch, now), now)


@given(heard, switches)
def test_a_heartbeat_never_opens_what_was_not_read(
    events: list[tuple[str, SwitchState | None]], switch: SwitchState
) -> None:
    view, now = walk(events)
    heard_more = view.after_heartbeat(Heartbeat(switch, at(now), now))
    if is_open(heard_more, now) and not is_open(view, now):
        assert view.reading == LatchReading(switch)
