import pytest
from fakes.provider_quotes import KEY, OTHER, REVERSE

from external_quote.board import Board
from quote_core.errors import ProviderUnavailable, TooManyStreams
from quote_core.quotes import QuoteKey

ERROR = ProviderUnavailable("jupiter", "answered 500")


@pytest.fixture
def board() -> Board:
    return Board(count_max=2)


def numbered(*keys: QuoteKey) -> list[tuple[QuoteKey, int]]:
    return [(key, number) for number, key in enumerate(keys)]


def test_keys_are_wanted_while_somebody_follows_them_most_wanted_first(board: Board) -> None:
    with board.follow(numbered(KEY, OTHER)):
        with board.follow(numbered(OTHER, REVERSE)):
            assert board.wanted() == [OTHER, KEY, REVERSE]
        assert board.wanted() == [KEY, OTHER]
    assert board.wanted() == []


def test_only_those_who_follow_a_key_hear_of_it_and_several_times_is_once(board: Board) -> None:
    with board.follow(numbered(KEY, OTHER)) as first, board.follow(numbered(OTHER)) as second:
        board.report(KEY, None)
        board.report(KEY, None)
        assert (first.take(), second.take()) == ((KEY,), ())


def test_key_asked_for_twice_by_one_stream_is_wanted_by_one(board: Board) -> None:
    with board.follow(numbered(KEY, KEY)), board.follow(numbered(OTHER, KEY)):
        assert board.wanted() == [KEY, OTHER]
    assert board.wanted() == []


def test_error_is_kept_until_the_next_success(board: Board) -> None:
    with board.follow(numbered(KEY)):
        board.report(KEY, ERROR)
        assert board.error(KEY) is ERROR
        board.report(KEY, None)
        assert board.error(KEY) is None


def test_error_is_forgotten_with_the_last_stream_that_wants_the_key(board: Board) -> None:
    with board.follow(numbered(KEY)):
        board.report(KEY, ERROR)
    board.report(KEY, ERROR)
    assert board.error(KEY) is None


def test_stream_that_finds_no_place_wants_nothing(board: Board) -> None:
    with board.follow(numbered(KEY)), board.follow(numbered(KEY)):
        with pytest.raises(TooManyStreams), board.follow(numbered(OTHER)):
            pass
        assert board.wanted() == [KEY]
