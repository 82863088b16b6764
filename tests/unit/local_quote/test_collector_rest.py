"""When what is held is set apart from what the garbage collector looks through."""

import gc
from collections.abc import Iterator

import pytest

from local_quote.collector_rest import CollectorRest


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_nothing_held_is_never_set_apart() -> None:
    rest = CollectorRest()
    assert [rest.look(0) for _ in range(3)] == [False] * 3


def test_what_still_grows_is_left_alone_until_it_is_quiet() -> None:
    rest = CollectorRest()
    assert [rest.look(count) for count in (10, 20, 30, 30, 30)] == [False, False, False, True, False]


def test_only_growth_by_a_tenth_counts_afterwards() -> None:
    rest = CollectorRest()
    looks = [100, 100, 110, 110, 90, 90, 111, 111]
    assert [rest.look(count) for count in looks] == [False, True, False, False, False, False, False, True]


def test_what_is_held_is_not_looked_through_any_more() -> None:
    rest, held = CollectorRest(), [[number] for number in range(1_000)]
    before = gc.get_freeze_count()
    rest.look(1)
    assert rest.look(1)
    assert gc.get_freeze_count() >= before + len(held)
    assert not any(one is held for one in gc.get_objects())
