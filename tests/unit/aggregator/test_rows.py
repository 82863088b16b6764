from collections.abc import Mapping

import pytest

from aggregator.rows import RowRegistry
from quote_core.errors import TooManyQuotes
from quote_core.quotes import QuoteKey
from quote_core.units import Pubkey


class Recorder:
    def __init__(self) -> None:
        self.meaning: dict[int, QuoteKey] = {}
        self.moves: list[Mapping[int, int | None]] = []

    def row_added(self, index: int, key: QuoteKey) -> None:
        self.meaning[index] = key

    def row_removed(self, index: int, key: QuoteKey) -> None:
        assert self.meaning.pop(index) == key

    def rename(self, moved: Mapping[int, int | None]) -> None:
        self.moves.append(moved)


def key(amount: int) -> QuoteKey:
    return QuoteKey(Pubkey("in"), Pubkey("out"), amount)


def keys(*amounts: int) -> tuple[QuoteKey, ...]:
    return tuple(map(key, amounts))


@pytest.fixture
def rows() -> RowRegistry:
    """Numbers 0 to 3 are the platform's, 4 to 7 the clients'."""
    return RowRegistry(count_max=8, watched_count=4, client_rows_max=3)


@pytest.fixture
def recorder(rows: RowRegistry) -> Recorder:
    recorder = Recorder()
    rows.listen(recorder)
    rows.follow(recorder)
    return recorder


def test_rows_are_numbered_once_and_found_by_key(rows: RowRegistry) -> None:
    rows.watch(0, keys(10, 20))
    assert rows.hold("a", keys(20, 30, 30)).rows == (1, 4, 4)
    assert rows.hold("b", keys(30, 40)).rows == (4, 5)
    assert rows.find(key(30)) == 4
    assert list(rows) == [(0, key(10)), (1, key(20)), (4, key(30)), (5, key(40))]


def test_clients_rows_never_get_a_number_of_the_platforms_own(rows: RowRegistry) -> None:
    assert rows.hold("a", keys(1, 2)).rows == (4, 5)
    rows.watch(0, keys(10))
    assert rows.hold("b", keys(3, 4)).rows == (6, 7)


def test_row_ends_with_its_last_holder_and_its_number_is_used_again(rows: RowRegistry) -> None:
    first = rows.hold("a", keys(1, 2))
    second = rows.hold("b", keys(2))
    rows.release(first)
    assert rows.find(key(1)) is None
    assert rows.find(key(2)) == 5
    rows.release(second)
    assert len(rows) == 0
    assert rows.hold("a", keys(3)).rows == (4,)


def test_watched_row_outlives_every_client_that_shares_it(rows: RowRegistry) -> None:
    rows.watch(0, keys(10))
    rows.release(rows.hold("a", keys(10, 10)))
    assert rows.find(key(10)) == 0


def test_all_or_none_when_the_table_is_too_small(rows: RowRegistry) -> None:
    rows.hold("a", keys(1, 2, 3))
    with pytest.raises(TooManyQuotes, match="2 quotes asked for, at most 1"):
        rows.hold("b", keys(3, 4, 5))
    assert rows.find(key(4)) is None
    assert rows.hold("b", keys(4)).rows == (7,)


def test_client_cannot_take_more_than_its_share_and_others_still_get_theirs(rows: RowRegistry) -> None:
    rows.watch(0, keys(10, 20, 30, 40))
    first = rows.hold("greedy", keys(1, 2, 10, 20, 30, 40))
    rows.hold("greedy", keys(2, 3))
    with pytest.raises(TooManyQuotes, match="of one client: 4 quotes asked for, at most 3"):
        rows.hold("greedy", keys(4))
    assert rows.hold("other", keys(4)).rows == (7,)
    rows.release(first)
    assert rows.hold("greedy", keys(4)).rows == (7,)


def test_platform_moves_its_row_and_the_number_stays(rows: RowRegistry, recorder: Recorder) -> None:
    rows.watch(0, keys(10, 20))
    rows.watch(0, keys(11, 20))
    assert recorder.meaning == {0: key(11), 1: key(20)}


def test_client_that_holds_the_old_amount_gets_it_under_another_number(rows: RowRegistry, recorder: Recorder) -> None:
    rows.watch(0, keys(10))
    hold = rows.hold("a", keys(10))
    rows.watch(0, keys(11))
    assert recorder.meaning == {0: key(11), 4: key(10)}
    assert recorder.moves[-1] == {0: 4}
    rows.release(hold)
    assert recorder.meaning == {0: key(11)}


def test_platform_takes_a_clients_row_over_and_the_client_goes_with_it(rows: RowRegistry, recorder: Recorder) -> None:
    rows.watch(0, keys(10))
    hold = rows.hold("a", keys(11))
    rows.watch(0, keys(11))
    assert recorder.meaning == {0: key(11)}
    assert recorder.moves[-1] == {0: None, 4: 0}
    rows.release(hold)
    assert recorder.meaning == {0: key(11)}


def test_amounts_that_move_up_by_one_rung_keep_their_clients(rows: RowRegistry, recorder: Recorder) -> None:
    rows.watch(0, keys(10, 20, 30))
    holds = [rows.hold("a", keys(10, 20, 30))]
    rows.watch(0, keys(20, 30, 40))
    assert recorder.meaning == {0: key(20), 1: key(30), 2: key(40), 4: key(10)}
    assert recorder.moves[-1] == {0: 4, 1: 0, 2: 1}
    for hold in holds:
        rows.release(hold)
    assert recorder.meaning == {0: key(20), 1: key(30), 2: key(40)}


def test_platform_moves_even_when_clients_have_filled_the_table(rows: RowRegistry, recorder: Recorder) -> None:
    rows.watch(0, keys(10, 20))
    sharing = rows.hold("a", keys(10))
    filling = [rows.hold("b", keys(1, 2, 3)), rows.hold("c", keys(4))]
    rows.watch(0, keys(11, 20))
    assert recorder.meaning == {0: key(11), 1: key(20), 4: key(1), 5: key(2), 6: key(3), 7: key(4)}
    assert recorder.moves[-1] == {0: None}
    again = rows.hold("d", keys(11))
    rows.release(sharing)
    for hold in (*filling, again):
        rows.release(hold)
    assert recorder.meaning == {0: key(11), 1: key(20)}


def test_client_that_lost_a_row_takes_nobody_elses_when_it_leaves(rows: RowRegistry, recorder: Recorder) -> None:
    rows.watch(0, keys(10))
    lost = rows.hold("a", keys(10))
    filling = [rows.hold("b", keys(1, 2, 3)), rows.hold("c", keys(4))]
    rows.watch(0, keys(11))
    rows.release(filling[1])
    rows.hold("a", keys(10))
    rows.release(lost)
    assert recorder.meaning[7] == key(10)


def test_amount_watched_twice_has_one_number(rows: RowRegistry, recorder: Recorder) -> None:
    rows.watch(0, keys(10, 10))
    rows.watch(2, keys(10, 30))
    assert recorder.meaning == {0: key(10), 3: key(30)}


def test_generation_changes_with_the_set_of_rows_only(rows: RowRegistry) -> None:
    hold = rows.hold("a", keys(10))
    before = rows.generation
    rows.release(rows.hold("b", keys(10)))
    rows.watch(0, ())
    assert rows.generation == before
    rows.release(hold)
    assert rows.generation != before


def test_more_watched_rows_than_there_are_numbers_is_refused() -> None:
    with pytest.raises(TooManyQuotes, match="watched"):
        RowRegistry(count_max=3, watched_count=4, client_rows_max=1)
