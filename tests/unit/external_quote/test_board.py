import pytest
from fakes.provider_quotes import KEY, OTHER, REVERSE

from external_quote.board import Board
from quote_core.errors import ProviderUnavailable

ERROR = ProviderUnavailable("jupiter", "answered 500")


def test_keys_are_wanted_while_somebody_follows_them_most_wanted_first() -> None:
    board = Board()
    with board.follow((KEY, OTHER)):
        with board.follow((OTHER, REVERSE)):
            assert board.wanted() == [OTHER, KEY, REVERSE]
        assert board.wanted() == [KEY, OTHER]
    assert board.wanted() == []


def test_only_followers_of_a_key_hear_of_it_and_several_times_is_once() -> None:
    board = Board()
    with board.follow((KEY, OTHER)) as first, board.follow((OTHER,)) as second:
        board.report(KEY, None)
        board.report(KEY, None)
        assert first.take() == (KEY,)
        assert not first.changed.is_set()
        assert not second.changed.is_set()


def test_error_is_kept_until_the_next_success() -> None:
    board = Board()
    with board.follow((KEY,)):
        board.report(KEY, ERROR)
        assert board.error(KEY) is ERROR
        board.report(KEY, None)
        assert board.error(KEY) is None


def test_error_is_forgotten_with_the_last_follower() -> None:
    board = Board()
    with board.follow((KEY,)):
        board.report(KEY, ERROR)
    board.report(KEY, ERROR)
    assert board.error(KEY) is None


def test_closing_ends_every_stream_with_a_reason() -> None:
    board = Board()
    with board.follow((KEY,)) as follower:
        board.close()
        assert follower.changed.is_set()
        with pytest.raises(ProviderUnavailable, match="stopping"):
            follower.take()
