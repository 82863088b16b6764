"""Which slots a fork took back."""

from collections.abc import Iterable

import pytest

from local_quote.forks import Forks


@pytest.fixture
def forks() -> Forks:
    return Forks()


def tell(forks: Forks, *told: tuple[int, int | None]) -> list[int | None]:
    return [forks.told(slot, parent) for slot, parent in told]


def row(slots: Iterable[int]) -> list[tuple[int, int | None]]:
    return [(slot, slot - 1) for slot in slots]


def test_a_chain_that_goes_on_takes_nothing_back_and_skipped_slots_are_nobodys(forks: Forks) -> None:
    assert tell(forks, *row(range(100, 105)), (108, 104), (109, 108)) == [None] * 7
    assert forks.dead == {105, 106, 107}
    assert forks.count == 0


def test_a_slot_built_on_an_older_one_takes_back_those_between(forks: Forks) -> None:
    tell(forks, *row(range(100, 104)))
    assert forks.told(104, 101) == 101
    assert forks.dead == {102, 103}
    assert forks.told(105, 104) is None
    assert forks.dead == {102, 103}
    assert forks.count == 1


def test_a_fork_that_is_returned_to_stands_again(forks: Forks) -> None:
    tell(forks, *row(range(100, 103)))
    assert forks.told(103, 100) == 100
    assert forks.told(104, 102) == 102  # of what was learnt since, only what is of the slot that is left is wrong
    assert forks.dead == {103}


def test_a_fork_that_was_told_beside_the_chain_is_found_when_it_becomes_it(forks: Forks) -> None:
    tell(forks, *row(range(100, 106)))
    assert forks.told(104, 100) is None  # told already: a repetition says nothing
    tell(forks, (107, 105))
    assert tell(forks, (106, 102)) == [None]  # not newer than the newest: not taken yet
    assert forks.told(108, 106) == 102
    assert forks.dead == {103, 104, 105, 107}


def test_slots_that_were_not_told_are_no_fork(forks: Forks) -> None:
    assert tell(forks, (100, 99), (102, 101), (105, 104), (106, 105)) == [None] * 4
    assert forks.count == 0


@pytest.mark.parametrize("lie", [(2**47, 103), (104, None), (300, 103), (60, 59)])
def test_what_no_fork_can_be_begins_anew(forks: Forks, lie: tuple[int, int | None]) -> None:
    tell(forks, *row(range(100, 104)))
    assert forks.told(*lie) is None
    assert forks.dead == set()
    assert tell(forks, *row(range(104, 107))) == [None] * 3
    assert forks.count == 0


def test_what_is_remembered_is_bounded(forks: Forks) -> None:
    tell(forks, *row(range(100, 1_000)))
    for start in range(1_000, 2_000, 33):
        tell(forks, (start, start - 32 if start > 1_000 else 999), *row(range(start + 1, start + 33)))
    assert len(forks.dead) <= 64 * 32
