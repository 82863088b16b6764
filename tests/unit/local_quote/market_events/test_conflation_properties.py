"""Whatever is put, taken and given back: the newest of each key is told, in order of slots, and never too many."""

from fakes.market_events import slot_update
from hypothesis import given
from hypothesis import strategies as st

from local_quote.market_events.conflation import Conflation
from quote_core.units import NS_PER_S

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5)),
        st.tuples(st.just("take"), st.integers(0, NS_PER_S)),
        st.tuples(st.just("fail"), st.integers(0, NS_PER_S)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 8))
def test_the_newest_of_every_key_is_told_in_order_and_no_second_has_too_many(
    steps: list[tuple[str, int]], per_s_max: int
) -> None:
    waiting = Conflation(per_s_max=per_s_max, waiting_max=100)
    now_mono_ns, slot = 0, 0
    newest: dict[int, int] = {}
    told: dict[int, list[int]] = {}
    taken_at: list[tuple[int, int]] = []
    put_count = told_count = 0
    for what, number in [*steps, *[("take", NS_PER_S)] * 20]:
        if what == "put":
            slot += 1
            put_count += 1
            newest[number] = slot
            waiting.put(number, slot_update(slot))
            continue
        now_mono_ns += number
        taken = waiting.take(now_mono_ns)
        taken_at.append((now_mono_ns, len(taken)))
        if what == "fail":
            waiting.give_back(taken)
            continue
        told_count += len(taken)
        for key, event in taken:
            assert isinstance(key, int)
            told.setdefault(key, []).append(event.header.slot)
    assert {key: slots[-1] for key, slots in told.items()} == newest
    assert all(slots == sorted(set(slots)) for slots in told.values())
    assert told_count + waiting.counts.replaced_count + waiting.counts.pushed_out_count == put_count
    for begin, _ in taken_at:
        assert sum(count for at, count in taken_at if begin <= at < begin + NS_PER_S) <= per_s_max


@given(st.lists(st.integers(0, 20), max_size=60), st.integers(1, 5))
def test_never_more_wait_than_may(keys: list[int], waiting_max: int) -> None:
    waiting = Conflation(per_s_max=100, waiting_max=waiting_max)
    for slot, key in enumerate(keys):
        waiting.put(key, slot_update(slot + 1))
        assert len(waiting) <= waiting_max
    told = waiting.take(0)
    assert len(told) + waiting.counts.replaced_count + waiting.counts.pushed_out_count == len(keys)
