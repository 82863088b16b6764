"""Whether the chain advances, by the clock and not by what the node says of itself."""

import pytest

from local_quote.chain_progress import SLOTS_APART_MAX, ChainProgress, Sight

MS = 1_000_000
SLOT_NS = 400 * MS


class Chain:
    """A node whose slots a test moves."""

    def __init__(self, *, slot: int = 1_000) -> None:
        self.progress = ChainProgress()
        self.slot = slot
        self.now_ns = 10**12
        self.progress.see(slot, self.now_ns, is_answer=True)

    def advance(self, count: int = 1, *, slot_ns: int = SLOT_NS) -> None:
        for _ in range(count):
            self.now_ns += slot_ns
            self.slot += 1
            self.see(self.slot)

    def see(self, slot: int, *, is_answer: bool = False) -> Sight:
        return self.progress.see(slot, self.now_ns, is_answer=is_answer)

    def age_ms(self, slot: int, *, asked_before_ms: int = 0) -> int | None:
        """How old an answer makes what it shows that was asked for just now, or a while ago."""
        vouched_ns = self.progress.vouched_mono_ns(slot, self.now_ns - asked_before_ms * MS)
        return None if vouched_ns is None else (self.now_ns - vouched_ns) // MS


def test_an_answer_of_the_newest_slot_vouches_as_of_its_sending() -> None:
    chain = Chain()
    chain.advance(20)
    assert chain.age_ms(chain.slot) == 0
    assert chain.age_ms(chain.slot, asked_before_ms=250) == 250


def test_a_first_slot_vouches_for_nothing_before_it_was_left() -> None:
    chain = Chain()
    chain.now_ns += 10**9
    assert chain.age_ms(chain.slot) is None
    chain.advance()
    assert chain.age_ms(chain.slot) == 0


def test_an_answer_of_a_slot_that_was_passed_vouches_until_it_was() -> None:
    chain = Chain()
    chain.advance(20)
    assert chain.age_ms(chain.slot - 1) == 0  # the next has just come
    chain.now_ns += 100 * MS
    assert chain.age_ms(chain.slot - 1) == 100
    assert chain.age_ms(chain.slot - 5) == 4 * 400 + 100
    assert chain.age_ms(chain.slot - 900) is None


def test_slots_that_came_in_a_burst_had_been_held_up() -> None:
    chain = Chain()
    chain.advance(20)
    chain.now_ns += 12 * SLOT_NS  # a node that lags, or a feed that is held up
    lagged = chain.slot
    chain.advance(4)  # told as late as the first was
    chain.advance(12, slot_ns=0)  # and all at once: the node has caught up
    chain.now_ns += 100 * MS
    assert chain.age_ms(lagged + 3) == 12 * 400 + 100
    assert chain.age_ms(chain.slot) == 0


def test_a_regression_vouches_for_nothing() -> None:
    chain = Chain()
    chain.advance(60)
    assert chain.age_ms(chain.slot - SLOTS_APART_MAX) == (SLOTS_APART_MAX - 1) * 400
    assert chain.age_ms(chain.slot - SLOTS_APART_MAX - 1) is None


def test_where_the_next_slot_was_not_seen_only_what_is_certain_counts() -> None:
    chain = Chain()
    chain.advance(10)
    chain.slot += 2
    chain.advance()
    assert chain.age_ms(chain.slot - 1) == 0
    assert chain.age_ms(chain.slot - 2) == 400  # it ended between the two that were seen: no earlier than the first
    assert chain.age_ms(chain.slot - 3) == 800  # three slots within one's time: the first of them had been held up


def test_a_chain_that_stands_still_vouches_no_more_than_a_slot_may_last() -> None:
    chain = Chain()
    chain.advance(20)
    for second in range(1, 600):
        chain.now_ns += 1_000 * MS
        chain.see(chain.slot, is_answer=True)
        age_ms = chain.age_ms(chain.slot)
        assert age_ms == max(0, second * 1_000 - 1_600)
    assert chain.progress.drift_slots(chain.now_ns) > 300


def test_one_that_stood_still_is_believed_once_it_has_advanced_for_as_long() -> None:
    """It may have been told late all the while, as by a cache; nothing but time can tell."""
    chain = Chain()
    chain.advance(20)
    chain.now_ns += 20_000 * MS
    chain.advance()
    assert chain.age_ms(chain.slot) == 20_400 - 2_400
    chain.advance(25)
    assert 5_000 < (chain.age_ms(chain.slot) or 0) < 15_000
    chain.advance(30)
    assert chain.age_ms(chain.slot) == 0


def test_a_node_that_was_not_heard_of_but_kept_pace_vouches_at_once() -> None:
    chain = Chain()
    chain.advance(20)
    chain.now_ns += 60_000 * MS
    chain.slot += 150
    assert chain.see(chain.slot) is Sight.ADVANCE
    assert chain.age_ms(chain.slot) == 0


@pytest.mark.parametrize("slot_ms", [40, 100, 400, 1_000, 3_000])
def test_a_chain_of_another_pace_is_believed_too(slot_ms: int) -> None:
    chain = Chain()
    chain.advance(100, slot_ns=slot_ms * MS)
    assert chain.age_ms(chain.slot) == 0
    assert chain.progress.drift_slots(chain.now_ns) == 0


@pytest.mark.parametrize("back", [SLOTS_APART_MAX + 1, 2_600])
def test_slots_that_went_back_are_a_regression_until_the_chain_has_caught_up(back: int) -> None:
    chain = Chain(slot=10_000)
    chain.advance(20)
    newest = chain.slot
    assert chain.see(newest - back) is Sight.REGRESSION
    assert chain.progress.is_regressed
    assert chain.progress.drift_slots(chain.now_ns) >= back
    assert chain.age_ms(newest - back) != 0
    chain.now_ns += back * SLOT_NS
    assert chain.see(newest + back) is Sight.ADVANCE
    assert not chain.progress.is_regressed


def test_nodes_a_little_apart_are_no_regression() -> None:
    chain = Chain()
    chain.advance(20)
    assert chain.see(chain.slot - SLOTS_APART_MAX) is Sight.KNOWN


@pytest.mark.parametrize("slot", [2**63, 2**53, 10_000, 1_000 + 20 + SLOTS_APART_MAX + 1])
@pytest.mark.parametrize("is_answer", [True, False])
def test_a_slot_ahead_of_the_clock_is_impossible_and_leaves_no_trace(slot: int, is_answer: bool) -> None:
    chain = Chain()
    chain.advance(20)
    for _ in range(30):
        assert chain.see(slot, is_answer=is_answer) is Sight.IMPOSSIBLE
    chain.advance()
    assert (chain.progress.slot, chain.age_ms(chain.slot)) == (chain.slot, 0)
    assert chain.progress.impossible_count == 30


def test_answers_that_advance_for_a_while_prove_a_jump_ahead() -> None:
    """The address led to a node far behind and leads to a good one now."""
    chain = Chain()
    chain.advance(20)
    chain.slot += 2_600
    sights = []
    for _ in range(8):
        chain.now_ns += SLOT_NS
        chain.slot += 1
        sights.append(chain.see(chain.slot, is_answer=True))
    assert sights == [Sight.IMPOSSIBLE] * 5 + [Sight.ADVANCE] * 3
    assert chain.age_ms(chain.slot) == 0


def test_a_first_slot_that_was_a_lie_is_given_up_for_what_answers_say() -> None:
    chain = Chain(slot=2**40)
    assert chain.see(500, is_answer=True) is Sight.ADVANCE
    chain.slot = 500
    chain.advance()
    assert chain.age_ms(501) == 0


def test_a_chain_whose_own_time_lies_behind_real_time_is_as_much_older() -> None:
    chain = Chain()
    chain.advance(20)
    for is_real_time, age_ms in ((False, 0), (True, 50_000)):
        chain.progress.see_chain_time(1_000, now_unix_ns=1_060 * 10**9, is_real_time=is_real_time)
        assert chain.age_ms(chain.slot) == age_ms
    assert chain.progress.drift_slots(chain.now_ns) == 125
