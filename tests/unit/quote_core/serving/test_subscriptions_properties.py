from hypothesis import given
from hypothesis import strategies as st

from quote_core.serving import Subscription

rows = st.integers(0, 20)
offers = st.lists(st.tuples(st.lists(rows, max_size=8), st.integers(0, 5)), max_size=40)


@given(st.frozensets(rows), offers)
def test_slow_reader_gets_every_changed_row_in_the_end_and_never_holds_more_than_its_rows(
    followed: frozenset[int], steps: list[tuple[list[int], int]]
) -> None:
    mark = Subscription((row, row) for row in followed)
    told_at: dict[int, int] = {}
    changed_at: dict[int, int] = {}
    for step, (changed, taken_count) in enumerate(steps):
        mark.offer(changed)
        changed_at |= dict.fromkeys(followed.intersection(changed), step)
        taken = mark.take(taken_count)
        assert len(taken) == len(set(taken)) <= taken_count
        told_at |= dict.fromkeys(taken, step)
    rest = mark.take(1_000)
    assert len(rest) <= len(followed)
    told_at |= dict.fromkeys(rest, len(steps))
    for row, step in changed_at.items():
        assert told_at[row] >= step
    assert mark.take() == ()
