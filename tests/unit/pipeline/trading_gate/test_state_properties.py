"""Whatever is heard in whatever order, a gate is open only with good reason."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.trading_gate import GateView, Switch
from quote_core.events import TradingState

SILENCE_NS = 3

switches = st.builds(Switch, st.integers(0, 4), st.sampled_from(TradingState), st.just(""))
heard = st.lists(
    st.one_of(
        st.tuples(st.just("connect"), st.none()),
        st.tuples(st.just("disconnect"), st.none()),
        st.tuples(st.just("read"), switches),
        st.tuples(st.just("heartbeat"), switches),
        st.tuples(st.just("push"), switches),
        st.tuples(st.just("wait"), st.none()),
    ),
    max_size=25,
)


def walk(events: list[tuple[str, Switch | None]]) -> tuple[GateView, int]:
    view, now = GateView(), 0
    for kind, switch in events:
        if kind == "connect":
            view = view.after_connecting()
        elif kind == "disconnect":
            view = view.after_disconnecting()
        elif kind == "wait":
            now += 1
        elif switch is not None:
            view = {
                "read": lambda s=switch, v=view: v.after_read(s),
                "heartbeat": lambda s=switch, v=view, n=now: v.after_heartbeat(s, n),
                "push": lambda s=switch, v=view: v.after_push(s),
            }[kind]()
    return view, now


def is_open(view: GateView, now: int) -> bool:
    return view.decide(now_mono_ns=now, silence_ns_max=SILENCE_NS).allows_new_trades


@given(heard)
def test_open_implies_connected_read_and_a_young_heartbeat(events: list[tuple[str, Switch | None]]) -> None:
    view, now = walk(events)
    if is_open(view, now):
        since = max(i for i, (kind, _) in enumerate(events) if kind == "connect")
        kinds = [kind for kind, _ in events[since:]]
        assert "disconnect" not in kinds
        assert "read" in kinds
        assert "heartbeat" in kinds
        assert kinds[len(kinds) - 1 - kinds[::-1].index("heartbeat") :].count("wait") < SILENCE_NS


@given(heard, switches)
def test_a_stop_pushed_last_always_closes(events: list[tuple[str, Switch | None]], stop: Switch) -> None:
    view, now = walk(events)
    if stop.state is not TradingState.ACTIVE:
        assert not is_open(view.after_push(stop), now)


@given(heard, switches)
def test_a_push_never_opens(events: list[tuple[str, Switch | None]], switch: Switch) -> None:
    view, now = walk(events)
    if not is_open(view, now):
        assert not is_open(view.after_push(switch), now)
