"""The compiled ladders against their specification, and the specification against curves that are known everywhere."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.scanner.ladder import (
    Ladder,
    Rung,
    amounts_along,
    best_amounts,
    least_input,
    least_output,
    settled,
)
from pipeline.scanner.rungs import Rungs, Walk

ALWAYS = (-(2**63), 2**63 - 1)
WIDE = st.integers(1, 2**63 - 1)
RUNGS = st.lists(st.builds(Rung, WIDE, WIDE, st.integers(0, 2)), max_size=8)
SMALL_RUNGS = st.lists(st.builds(Rung, st.integers(1, 60), st.integers(1, 60), st.integers(0, 1)), max_size=5)
TERMS = st.fixed_dictionaries(
    {"gross_bps_min": st.integers(0, 500), "fee_bps": st.integers(0, 100), "fixed_cost": st.integers(0, 50)}
)


def compiled(rungs: Sequence[Rung]) -> Rungs:
    held = Rungs()
    for row, rung in enumerate(rungs):
        held.put(row, *rung, 0)
    return held


@given(RUNGS, WIDE)
def test_a_compiled_ladder_is_its_specification(rungs: list[Rung], amount: int) -> None:
    held, ladder = compiled(rungs), settled(rungs)
    for asked in (amount, *(rung.input_amount for rung in rungs), *(rung.output_amount for rung in rungs)):
        assert held.least_output(asked, *ALWAYS) == least_output(ladder, asked)
        assert held.least_input(asked, *ALWAYS) == least_input(ladder, asked)


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.builds(Rung, WIDE, WIDE, WIDE)), max_size=30), WIDE)
def test_a_ladder_follows_its_rows(changes: list[tuple[int, Rung | None]], amount: int) -> None:
    held, rows = Rungs(), dict[int, Rung]()
    for row, rung in changes:
        if rung is None:
            held.drop(row)
            rows.pop(row, None)
        else:
            held.put(row, *rung, 0)
            rows[row] = rung
    assert len(held) == len(rows)
    assert held.least_output(amount, *ALWAYS) == least_output(settled(rows.values()), amount)


@given(
    st.lists(st.tuples(st.builds(Rung, WIDE, WIDE, WIDE), st.integers(0, 9)), max_size=6),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8),
    WIDE,
)
def test_a_ladder_is_of_what_was_vouched_for_in_time_whatever_was_asked_before(
    rungs: list[tuple[Rung, int]], times: list[tuple[int, int]], amount: int
) -> None:
    held = Rungs()
    for row, (rung, vouched) in enumerate(rungs):
        held.put(row, *rung, vouched)
    for oldest, newest in times:
        young = settled(rung for rung, vouched in rungs if oldest <= vouched <= newest)
        assert held.least_output(amount, oldest, newest) == least_output(young, amount)


@given(SMALL_RUNGS, st.integers(1, 200))
def test_the_least_input_is_the_least_that_gives_as_much(rungs: list[Rung], output: int) -> None:
    ladder = settled(rungs)
    found = least_input(ladder, output)
    gives = [amount for amount in range(200) if least_output(ladder, amount) >= output]
    assert found == (gives[0] if gives else None)


@given(RUNGS, WIDE, WIDE)
def test_more_in_never_gives_less(rungs: list[Rung], one: int, other: int) -> None:
    ladder = settled(rungs)
    assert least_output(ladder, min(one, other)) <= least_output(ladder, max(one, other))


@st.composite
def pools(draw: st.DrawFn) -> tuple[int, int]:
    return draw(st.integers(10**6, 10**12)), draw(st.integers(10**6, 10**12))


def swapped(pool: tuple[int, int], amount: int) -> int:
    """What a pool of constant product gives, rounded down."""
    return pool[1] * amount // (pool[0] + amount)


@given(st.lists(pools(), min_size=1, max_size=3), st.sets(st.integers(1, 10**12), max_size=8), st.integers(1, 10**12))
def test_a_ladder_never_promises_more_than_the_best_of_the_pools_gives(
    several: list[tuple[int, int]], amounts: set[int], asked: int
) -> None:
    rungs = []
    for amount in amounts:
        output, route_id = max((swapped(pool, amount), number) for number, pool in enumerate(several))
        if output:
            rungs.append(Rung(amount, output, route_id))
    if rungs and asked <= max(amounts):
        assert least_output(settled(rungs), asked) <= max(swapped(pool, asked) for pool in several) + 1  # its rounding


@st.composite
def cycles(draw: st.DrawFn, rungs: st.SearchStrategy[list[Rung]]) -> list[list[list[Rung]]]:
    source_count = draw(st.integers(1, 2))
    return [[draw(rungs) for _ in range(source_count)] for _ in range(draw(st.integers(1, 4)))]


def ladders_of(legs: list[list[list[Rung]]]) -> list[list[Ladder]]:
    return [[settled(rungs) for rungs in ladders] for ladders in legs]


def walk_of(legs: list[list[list[Rung]]]) -> Walk:
    return Walk([[compiled(rungs) for rungs in ladders] for ladders in legs])


@settings(max_examples=300)
@given(cycles(RUNGS) | cycles(SMALL_RUNGS), TERMS)
def test_the_compiled_search_is_its_specification(legs: list[list[list[Rung]]], terms: dict[str, int]) -> None:
    walk = walk_of(legs)
    found = walk.best_amounts(**terms, oldest_ns=ALWAYS[0], newest_ns=ALWAYS[1])
    assert found == best_amounts(ladders_of(legs), **terms)
    if found is not None:
        assert walk.may_gain(max(terms["gross_bps_min"], terms["fee_bps"]), *ALWAYS)


@st.composite
def cycles_of_pools(draw: st.DrawFn) -> list[list[list[Rung]]]:
    """Each leg a pool, sampled at sizes from small to large: inputs of a leg are what the one before may give."""
    legs = []
    for _ in range(draw(st.integers(2, 4))):
        pool = draw(st.integers(20_000, 10**6)), draw(st.integers(20_000, 10**6))
        inputs = draw(st.sets(st.integers(200, 20_000), min_size=2, max_size=6))
        legs.append([[Rung(amount, swapped(pool, amount), 1) for amount in inputs if swapped(pool, amount)]])
    return legs


@settings(max_examples=100, deadline=None)
@given(cycles_of_pools(), st.integers(0, 200), st.integers(0, 20))
def test_no_size_at_all_leaves_notably_more_than_the_one_found(
    legs: list[list[list[Rung]]], gross_bps_min: int, fee_bps: int
) -> None:
    """Many sizes are tried. A unit lost at a leg is worth as many at the end as the legs behind it multiply it by."""
    ladders = ladders_of(legs)
    found = best_amounts(ladders, gross_bps_min=gross_bps_min, fee_bps=fee_bps, fixed_cost=0)
    rest = 0 if found is None else found[-1] - found[0] + -found[0] * fee_bps // 10_000
    most = 0
    for amount in range(1, 20_001, 7):
        along = amounts_along(ladders, amount)
        if (along[-1] - amount) * 10_000 >= gross_bps_min * amount:
            most = max(most, along[-1] - amount + -amount * fee_bps // 10_000)
    slack, factor = 1.0, 1.0
    for each in reversed(ladders):
        factor *= max((rung.output_amount / rung.input_amount for rung in each[0]), default=1.0)
        slack += 2 * max(1.0, factor)
    assert most <= rest + slack
