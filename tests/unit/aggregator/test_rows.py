import pytest

from aggregator.rows import RowRegistry
from quote_core.errors import TooManyQuotes
from quote_core.quotes import QuoteKey
from quote_core.units import Pubkey


class Recorder:
    def __init__(self) -> None:
        self.meaning: dict[int, QuoteKey] = {}

    def row_added(self, index: int, key: QuoteKey) -> None:
        self.meaning[index] = key

    def row_removed(self, index: int, key: QuoteKey) -> None:
        assert self.meaning.pop(index) == key


def key(amount: int) -> QuoteKey:
    return QuoteKey(Pubkey("in"), Pubkey("out"), amount)


@pytest.fixture
def rows() -> RowRegistry:
    return RowRegistry(count_max=4)


def test_rows_are_numbered_once_and_found_by_key(rows: RowRegistry) -> None:
    assert rows.hold((key(10), key(20))) == (0, 1)
    assert rows.hold((key(20), key(30))) == (1, 2)
    assert rows.find(key(30)) == 2
    assert rows.key(1) == key(20)
    assert list(rows) == [(0, key(10)), (1, key(20)), (2, key(30))]


def test_row_ends_with_its_last_holder_and_its_number_is_used_again(rows: RowRegistry) -> None:
    rows.hold((key(10), key(20), key(30)))
    rows.hold((key(20),))
    rows.release((1,))
    assert rows.find(key(20)) == 1
    rows.release((1, 0))
    assert rows.find(key(20)) is None
    assert rows.hold((key(40), key(50))) == (0, 1)


def test_all_or_none_when_the_table_is_too_small(rows: RowRegistry) -> None:
    rows.hold((key(10), key(20), key(30)))
    with pytest.raises(TooManyQuotes, match="5 quotes asked for, at most 4"):
        rows.hold((key(30), key(40), key(50)))
    assert len(rows) == 3
    assert rows.find(key(40)) is None
    assert rows.hold((key(40), key(40), key(10))) == (3, 3, 0)


def test_generation_changes_with_the_set_of_rows_only(rows: RowRegistry) -> None:
    rows.hold((key(10),))
    before = rows.generation
    rows.hold((key(10),))
    rows.release((0,))
    assert rows.generation == before
    rows.release((0,))
    assert rows.generation != before


def test_moved_row_keeps_its_number_when_nobody_else_holds_it(rows: RowRegistry) -> None:
    listener = Recorder()
    rows.listen(listener)
    rows.hold((key(10), key(20)))
    assert rows.move(0, key(11)) == 0
    assert rows.find(key(10)) is None
    assert rows.find(key(11)) == 0
    assert listener.meaning == {0: key(11), 1: key(20)}
    assert rows.hold((key(30),)) == (2,)


def test_moved_row_gets_a_new_number_when_a_client_holds_the_old_one(rows: RowRegistry) -> None:
    rows.hold((key(10),))
    rows.hold((key(10),))
    assert rows.move(0, key(11)) == 1
    assert rows.key(0) == key(10)


def test_moving_onto_an_amount_that_has_a_row_shares_it(rows: RowRegistry) -> None:
    rows.hold((key(10), key(20)))
    assert rows.move(0, key(20)) == 1
    assert rows.find(key(10)) is None
    rows.release((1,))
    assert rows.find(key(20)) == 1


def test_listeners_hear_of_every_row_that_begins_and_ends(rows: RowRegistry) -> None:
    listener = Recorder()
    rows.listen(listener)
    held = rows.hold((key(10), key(20)))
    assert listener.meaning == {0: key(10), 1: key(20)}
    rows.release(held)
    assert listener.meaning == {}
