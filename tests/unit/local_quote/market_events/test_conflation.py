from fakes.market_events import slot_update

from local_quote.market_events.conflation import Conflation
from quote_core.units import NS_PER_S


def slots(taken: list) -> list[int]:  # type: ignore[type-arg]
    return [event.header.slot for _, event in taken]


def test_a_newer_event_takes_the_place_of_the_older_one_of_its_key() -> None:
    waiting = Conflation(per_s_max=10, waiting_max=10)
    for key, slot in (("a", 1), ("b", 2), ("a", 3)):
        waiting.put(key, slot_update(slot))
    assert slots(waiting.take(0)) == [3, 2]
    assert waiting.counts.replaced_count == 1
    assert len(waiting) == 0


def test_the_oldest_is_pushed_out_when_more_wait_than_may() -> None:
    waiting = Conflation(per_s_max=10, waiting_max=2)
    for slot in range(4):
        waiting.put(slot, slot_update(slot))
    assert waiting.counts.pushed_out_count == 2
    assert slots(waiting.take(0)) == [2, 3]


def test_no_second_has_more_than_may_be_told() -> None:
    waiting = Conflation(per_s_max=3, waiting_max=100)
    for slot in range(10):
        waiting.put(slot, slot_update(slot))
    assert slots(waiting.take(0)) == [0, 1, 2]
    assert waiting.take(NS_PER_S - 1) == []
    assert slots(waiting.take(NS_PER_S)) == [3, 4, 5]


def test_a_second_s_events_are_spread_over_its_looks() -> None:
    waiting = Conflation(per_s_max=100, waiting_max=100)
    for slot in range(100):
        waiting.put(slot, slot_update(slot))
    assert len(waiting.take(0, within_ns=NS_PER_S // 4)) == 25
    assert len(waiting.take(1, within_ns=1)) == 1


def test_what_was_not_told_waits_again_before_the_others_unless_a_newer_one_came() -> None:
    waiting = Conflation(per_s_max=10, waiting_max=3)
    waiting.put("a", slot_update(1))
    waiting.put("b", slot_update(2))
    taken = waiting.take(0)
    waiting.put("c", slot_update(3))
    waiting.put("a", slot_update(4))
    waiting.give_back(taken)
    assert waiting.counts.replaced_count == 1
    assert slots(waiting.take(NS_PER_S)) == [2, 3, 4]


def test_what_is_given_back_is_pushed_out_first() -> None:
    waiting = Conflation(per_s_max=10, waiting_max=2)
    waiting.put("a", slot_update(1))
    taken = waiting.take(0)
    waiting.put("b", slot_update(2))
    waiting.put("c", slot_update(3))
    waiting.give_back(taken)
    assert waiting.counts.pushed_out_count == 1
    assert slots(waiting.take(NS_PER_S)) == [2, 3]
