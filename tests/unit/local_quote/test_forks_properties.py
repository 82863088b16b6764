"""A tree of slots, told in order by a node that follows now this fork and now that: what is dead is off its chain."""

from hypothesis import given
from hypothesis import strategies as st

from local_quote.forks import Forks


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 8)), min_size=1, max_size=60),
)
def test_what_stands_is_the_chain_of_the_newest_slot(steps: list[tuple[int, int]]) -> None:
    """Each step is how many slots on, and how many told slots back its parent lies."""
    forks, parents, told, known_dead = Forks(), {100: 99}, [100], set()
    forks.told(100, 99)
    for ahead, back in steps:
        slot, parent = told[-1] + ahead, told[max(-1 - back, -len(told))]
        chain_before = chain_of(told[-1], parents)
        parents[slot] = parent
        told.append(slot)
        standing = forks.told(slot, parent)
        if slot - parent > 32:
            return  # no fork is as deep
        chain = chain_of(slot, parents)
        left = chain_before - chain
        recent = {one for one in range(slot - 32, slot + 1) if one >= 99}
        assert forks.dead.isdisjoint(chain)
        known_dead = recent.intersection(told) - chain
        if len(told) <= 60:
            assert known_dead <= forks.dead
        if left:
            assert standing is not None
            assert standing in chain
            assert standing < min(left)
            assert not any(standing < one < min(left) for one in chain & chain_before)
        else:
            assert standing is None


def chain_of(slot: int, parents: dict[int, int]) -> set[int]:
    chain = {slot}
    while slot in parents:
        slot = parents[slot]
        chain.add(slot)
    return chain
