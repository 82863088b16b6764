from aggregator.conflation import Conflation


def test_only_followed_rows_become_pending() -> None:
    mark = Conflation((1, 2, 3))
    assert not mark.offer((7, 8))
    assert mark.offer((2, 9))
    assert mark.take(10) == (2,)


def test_row_that_changes_often_is_told_once_and_the_rest_is_counted() -> None:
    mark = Conflation((1, 2))
    for _ in range(5):
        mark.offer((1,))
    assert mark.take(10) == (1,)
    assert mark.conflated_count == 4
    assert not mark


def test_what_waits_longest_is_told_first_and_no_more_than_asked_for() -> None:
    mark = Conflation(range(10))
    for row in (5, 3, 8, 3):
        mark.offer((row,))
    assert mark.take(2) == (5, 3)
    assert mark.take(2) == (8,)


def test_sweep_makes_pending_what_was_not_told_since_the_last_one() -> None:
    mark = Conflation((1, 2, 3))
    mark.offer((2,))
    mark.take(10)
    mark.sweep()
    assert mark.take(10) == (1, 3)
    mark.sweep()
    assert mark.take(10) == (2,)
