import pytest

from pipeline.scanner.rungs import Rungs, Walk, that_may_gain

NOW = 1_000
THEN = (0, NOW)


def ladder(*rungs: tuple[int, int], first_row: int = 0, route_id: int = 1) -> Rungs:
    held = Rungs()
    for position, (input_amount, output_amount) in enumerate(rungs):
        held.put(first_row + position, input_amount, output_amount, route_id, NOW)
    return held


@pytest.mark.parametrize(
    ("amount", "output", "rows"),
    [
        (50, 45, (0,)),  # below the first: in proportion
        (100, 90, (0,)),
        (150, 130, (1, 0)),  # between: on the chord
        (200, 170, (1,)),
        (900, 170, (1,)),  # above the last: no more than that
    ],
)
def test_an_amount_between_rungs_gives_what_the_chord_says(amount: int, output: int, rows: tuple[int, ...]) -> None:
    held = ladder((200, 170), (100, 90))
    held.put(0, 100, 90, 1, NOW)
    held.put(1, 200, 170, 1, NOW)
    assert held.least_output(amount, *THEN) == output
    assert held.rows(amount) == rows


def test_between_rungs_of_two_routes_each_vouches_for_its_own_only() -> None:
    held = Rungs()
    held.put(0, 100, 90, 7, NOW)
    held.put(1, 200, 150, 8, NOW)
    assert [held.least_output(amount, *THEN) for amount in (110, 119, 130)] == [90, 90, 97]
    assert [held.rows(amount) for amount in (110, 130)] == [(0,), (1,)]


def test_a_rung_that_a_larger_one_belies_is_lowered() -> None:
    held = ladder((100, 99), (200, 80))
    assert held.least_output(100, *THEN) == 80


def test_a_row_not_vouched_for_in_time_is_no_rung() -> None:
    held = ladder((100, 90), (200, 170))
    held.put(1, 200, 170, 1, NOW - 10)
    assert held.least_output(200, NOW - 9, NOW) == 90
    assert held.least_output(200, NOW - 10, NOW) == 170
    assert held.least_output(200, NOW - 10, NOW - 1) == 170
    assert held.rows(200) == (1,)


def test_a_row_with_another_amount_is_another_rung() -> None:
    held = ladder((100, 90))
    held.put(0, 300, 240, 1, NOW)
    assert (len(held), held.least_output(100, *THEN)) == (1, 80)


def test_an_empty_ladder_gives_nothing_and_has_no_rows() -> None:
    held = Rungs()
    assert (held.least_output(5, *THEN), held.least_input(5, *THEN), held.rows(5)) == (0, None, ())


def there_and_back(*, back: tuple[tuple[int, int], ...]) -> Walk:
    return Walk([[ladder((1_000, 1_000), (2_000, 1_990), (4_000, 3_940))], [ladder(*back, first_row=10)]])


def best(walk: Walk, *, gross_bps_min: int = 0, fee_bps: int = 0, fixed_cost: int = 0) -> tuple[int, ...] | None:
    return walk.best_amounts(
        gross_bps_min=gross_bps_min, fee_bps=fee_bps, fixed_cost=fixed_cost, oldest_ns=0, newest_ns=NOW
    )


def test_the_best_size_stands_at_a_rung_of_any_leg() -> None:
    walk = there_and_back(back=((1_500, 1_600), (3_000, 2_990)))
    assert best(walk) == (1_506, 1_500, 1_600)
    assert walk.rows((1_506, 1_500, 1_600)) == ((1, 0), (10,))


def test_where_the_least_gain_ends_between_two_rungs_the_size_does() -> None:
    walk = Walk([[ladder((1_000, 1_000), (4_000, 4_000))], [ladder((1_000, 1_100), (4_000, 4_160))]])
    assert best(walk) == (4_000, 4_000, 4_160)
    found = best(walk, gross_bps_min=500)  # a gain of 100 + 0.02 (x - 1,000) is 5 % of 2,666
    assert found is not None
    assert 2_650 <= found[0] <= 2_667
    assert (found[-1] - found[0]) * 20 >= found[0]
    assert best(walk, gross_bps_min=1_001) is None


def test_costs_count_and_what_they_eat_is_not_found() -> None:
    walk = there_and_back(back=((1_000, 1_050),))
    assert best(walk, fixed_cost=49) == (1_000, 1_000, 1_050)
    assert best(walk, fixed_cost=50) is None
    assert best(walk, fee_bps=499) is None  # 49.9, rounded up


def test_rates_alone_tell_that_no_size_gains() -> None:
    walk = there_and_back(back=((1_000, 1_010),))
    assert walk.may_gain(100, *THEN)
    assert not walk.may_gain(101, *THEN)
    assert not walk.may_gain(0, NOW + 1, NOW + 2)  # nothing is young enough


def test_of_two_sources_each_amount_takes_the_better_and_of_equals_the_first() -> None:
    local, external = ladder((100, 100), (200, 150)), ladder((100, 100), (200, 190), first_row=2_000)
    walk = Walk([[local, external]])
    assert walk.may_gain(0, *THEN)
    assert [walk.rows((amount,)) for amount in (100, 200)] == [((0,),), ((2_001,),)]


def test_of_many_walks_those_that_may_gain_are_named_by_their_place() -> None:
    walks = [there_and_back(back=((1_000, output),)) for output in (990, 1_020, 1_000, 1_100)]
    assert that_may_gain(walks, 100, *THEN) == [1, 3]
    assert that_may_gain(walks, 100, NOW + 1, NOW + 2) == []
    assert that_may_gain([], 100, *THEN) == []


def test_rows_grow_too_old_one_after_the_other() -> None:
    held = Rungs()
    for row, vouched in enumerate((500, 700, 900)):
        held.put(row, 100 * (row + 1), 90 * (row + 1), 1, vouched)
    assert [held.rows(1) for oldest in (400, 500, 501, 700, 701, 901) if held.least_output(1, oldest, NOW) >= 0] == [
        (0,),
        (0,),
        (1,),
        (1,),
        (2,),
        (),
    ]
    assert held.least_output(300, 400, 899) == 180  # and one that is of the future does not count yet
    assert held.least_output(300, 400, 900) == 270


@pytest.mark.parametrize("legs", [[], [[]], [[Rungs()]] * 5, [[Rungs()], [Rungs(), Rungs()]], [[Rungs()] * 3]])
def test_a_walk_of_another_shape_is_refused(legs: list[list[Rungs]]) -> None:
    with pytest.raises(ValueError, match=r"legs|ladders"):
        Walk(legs)
