"""What is drawn follows from the seed alone, and nothing is left out of even a short run."""

import itertools
from random import Random

from chaos.actions import Action, ClockStep, DiskFull, draw

NAMES = ("nats", "one", "other")


def drawn(seed: int, count: int, *, with_disk: bool = True) -> list[tuple[float, Action]]:
    return list(itertools.islice(draw(Random(seed), NAMES, foreign="nats", with_disk=with_disk), count))


def test_a_seed_draws_the_same_again():
    assert drawn(1, 50) == drawn(1, 50) != drawn(2, 50)


def test_every_kind_comes_before_any_comes_again():
    for seed in range(20):
        assert len({type(action) for _, action in drawn(seed, 5)}) == 5


def test_the_disk_is_left_alone_where_it_cannot_be_filled():
    assert not any(isinstance(action, DiskFull) for _, action in drawn(3, 500, with_disk=False))


def test_a_clock_that_cannot_be_stepped_is_not():
    stepped = {action.name for _, action in drawn(4, 500) if isinstance(action, ClockStep)}
    assert stepped == {"one", "other"}
