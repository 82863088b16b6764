"""A queue of turns beside what it stands for: one time a pool, looked through whole."""

from hypothesis import given
from hypothesis import strategies as st

from local_quote.turns import PriceTurns, TurnQueue
from quote_core.dex.pool import NEVER, ChainClock
from quote_core.units import Pubkey

pools = st.sampled_from([Pubkey(name) for name in "pqrs"])
times = st.integers(0, 30) | st.just(NEVER)
steps = st.lists(st.tuples(pools, times) | st.integers(0, 30), max_size=60)


@given(steps)
def test_each_pool_comes_up_once_at_the_turn_that_was_noted_last(steps: list[tuple[Pubkey, int] | int]) -> None:
    queue, turns, now = TurnQueue(), dict[Pubkey, int](), 0
    for step in steps:
        if isinstance(step, int):
            now = max(now, step)
            due = list(queue.take_due(now))
            assert sorted(due) == sorted(pool_id for pool_id, turn in turns.items() if turn <= now)
            for pool_id in due:
                del turns[pool_id]
        else:
            queue.note(*step)
            turns[step[0]] = step[1]
        assert queue.next_turn() == min(turns.values(), default=NEVER)


def test_a_turn_put_off_again_and_again_is_queued_once() -> None:
    queue = TurnQueue()
    for turn in range(1_000):
        queue.note(Pubkey("p"), turn)
    assert len(queue._heap) == 1
    assert list(queue.take_due(998)) == []
    assert list(queue.take_due(999)) == [Pubkey("p")]
    assert len(queue._heap) == 0


def test_a_pool_is_due_as_soon_as_one_of_the_three_comes() -> None:
    def due_at(now: ChainClock) -> set[Pubkey]:
        turns = PriceTurns()
        turns.note(Pubkey("p"), ChainClock(slot=10, unix_timestamp=100, epoch=3))
        return turns.take_due(now)

    assert due_at(ChainClock(slot=9, unix_timestamp=99, epoch=2)) == set()
    assert due_at(ChainClock(slot=10, unix_timestamp=99, epoch=2)) == {"p"}
    assert due_at(ChainClock(slot=9, unix_timestamp=100, epoch=2)) == {"p"}
    assert due_at(ChainClock(slot=9, unix_timestamp=99, epoch=3)) == {"p"}
