"""Rows in C: their numbers, who holds them, and what is refused."""

from array import array

import pytest
from fakes.held_market import SOL, USDC

from local_quote.quote_rows import PoolOffer, QuoteRows, states_of
from local_quote.settlement import NO_OFFER, RowState
from quote_core.dex.pool import Direction


def offer(outputs: list[int], *, number: int = 0, is_stale: bool = False) -> PoolOffer:
    """Of a pool that is nobody's: the rows look at its number only."""
    made = PoolOffer(SOL, USDC, None, Direction.A_TO_B, number)  # type: ignore[arg-type]  # an entry, for others
    made.outputs = outputs
    made.stand(1.0, is_stale)
    return made


def test_numbers_are_dense_and_used_again() -> None:
    rows = QuoteRows()
    first = rows.add([5, 6, 7])
    assert (sorted(first), len(rows)) == ([0, 1, 2], 3)
    rows.remove([first[1]])
    (again,) = rows.add([9])
    assert again == first[1]
    assert rows.state(again) == RowState(9)


def test_a_number_used_again_says_nothing_of_the_row_before() -> None:
    rows = QuoteRows()
    numbers = rows.add([10])
    rows.settle(numbers, [offer([4])], 1, 2, [])
    rows.remove(numbers)
    (again,) = rows.add([10])
    assert rows.state(again) == RowState(10)


def test_many_rows_find_room_and_keep_what_they_say() -> None:
    rows = QuoteRows()
    first = rows.add([10])
    rows.settle(first, [offer([4])], 1, 2, [])
    before = rows.state(first[0])
    numbers = rows.add(range(1, 5_001))
    assert sorted([*first, *numbers]) == list(range(5_001))
    assert [rows.state(number).amount for number in numbers] == list(range(1, 5_001))
    assert rows.state(first[0]) == before


@pytest.mark.parametrize("number", [-1, 1, 2**40])
def test_what_is_no_row_is_refused(number: int) -> None:
    rows = QuoteRows()
    rows.add([5])
    for ask in (rows.state, rows.version, rows.offer, rows.refuse):
        with pytest.raises(IndexError, match="there is no row"):
            ask(number)
    with pytest.raises(IndexError):
        rows.hold([number])
    with pytest.raises(IndexError):
        rows.remove([number])


def test_a_row_that_is_gone_is_not_settled() -> None:
    rows = QuoteRows()
    numbers = rows.add([5])
    rows.remove(numbers)
    with pytest.raises(IndexError):
        rows.settle(numbers, [offer([4])], 1, 2, [])


def test_an_amount_of_nothing_is_refused_and_costs_no_number() -> None:
    rows = QuoteRows()
    with pytest.raises(ValueError, match="nothing"):
        rows.add([5, 0])
    assert len(rows) == 0
    assert sorted(rows.add([1, 2])) == [0, 1]


def test_a_row_is_let_go_when_the_last_holder_leaves() -> None:
    rows = QuoteRows()
    one, two = rows.add([5, 6])
    rows.hold([one, two, one])
    assert rows.let_go([one, two]) == [two]
    assert rows.let_go([one]) == [one]


@pytest.mark.parametrize("outputs", [[], [1], [1, 2, 3]])
def test_an_offer_for_other_rows_is_refused(outputs: list[int]) -> None:
    rows = QuoteRows()
    with pytest.raises(ValueError, match="an output for every row"):
        rows.settle(rows.add([5, 6]), [offer(outputs)], 1, 2, [])


def test_an_offer_of_nothing_is_refused() -> None:
    rows, nothing = QuoteRows(), offer([])
    nothing.outputs = None
    assert nothing.outputs is None
    with pytest.raises(ValueError, match="an output for every row"):
        rows.settle(rows.add([5]), [nothing], 1, 2, [])


def test_outputs_are_kept_as_they_came_whatever_they_are() -> None:
    same = array("Q", [2**64 - 1])
    made = offer([])
    made.outputs = same
    assert made.outputs is same
    made.outputs = (1, 2)
    assert list(made.outputs) == [1, 2]
    with pytest.raises(OverflowError):
        made.outputs = [2**64]
    assert list(made.outputs) == [1, 2]


def test_a_refused_row_counts_up_and_has_no_quote() -> None:
    rows, changed = QuoteRows(), []
    numbers = rows.add([10, 20])
    assert rows.settle(numbers, [offer([4, 0], number=3)], 1, 2, changed) == [numbers[1]]
    assert changed == [numbers[0]]
    assert rows.state(numbers[1]) == RowState(20)
    rows.refuse(numbers[0])
    assert rows.state(numbers[0]) == RowState(10, 0, NO_OFFER, False, 2, 1, 2, 0.0)


def test_copies_say_what_rows_said_whatever_becomes_of_them() -> None:
    rows = QuoteRows()
    numbers = rows.add([10, 20])
    rows.settle(numbers, [offer([4, 0], number=3)], 1, 2, [])
    said = [rows.state(number) for number in numbers]
    copies = rows.copied(list(numbers))
    rows.refuse(numbers[0])
    rows.remove(numbers)
    assert states_of(copies) == said
    assert states_of(rows.copied([])) == []
