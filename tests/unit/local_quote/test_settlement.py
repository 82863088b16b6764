"""Which offer a row takes, and when that is a change."""

import pytest

from local_quote.settlement import NO_OFFER, Bid, RowState, settled

AT = {"now_unix_ns": 7, "now_mono_ns": 9}


def taken(before: RowState, *bids: Bid) -> RowState | None:
    return settled(before, bids, **AT)


def test_most_output_wins_and_ties_go_to_the_first() -> None:
    bids = [Bid(0, 5, 1.0, is_stale=False), Bid(1, 8, 1.0, is_stale=False), Bid(2, 8, 1.0, is_stale=False)]
    row = taken(RowState(10), *bids)
    assert row == RowState(10, 8, 1, False, 1, 7, 9, pytest.approx(0.2))


def test_a_fresh_pool_wins_over_a_stale_one_that_gives_more() -> None:
    row = taken(RowState(10), Bid(0, 9, 1.0, is_stale=True), Bid(1, 5, 1.0, is_stale=False))
    assert row is not None
    assert (row.offer, row.output, row.is_stale) == (1, 5, False)


def test_a_stale_pool_is_better_than_none() -> None:
    row = taken(RowState(10), Bid(0, 9, 1.0, is_stale=True), Bid(1, 0, 1.0, is_stale=False))
    assert row is not None
    assert (row.offer, row.is_stale) == (0, True)


def test_nobody_fills_what_all_refuse() -> None:
    assert taken(RowState(10)) is None
    assert taken(RowState(10), Bid(0, 0, 1.0, is_stale=False)) is None


def test_another_price_of_the_pool_alone_is_no_change() -> None:
    row = taken(RowState(10), Bid(0, 9, 1.0, is_stale=False))
    assert row is not None
    assert taken(row, Bid(0, 9, 2.0, is_stale=False)) is row


@pytest.mark.parametrize(
    "bid", [Bid(0, 8, 1.0, is_stale=False), Bid(1, 9, 1.0, is_stale=False), Bid(0, 9, 1.0, is_stale=True)]
)
def test_another_output_pool_or_staleness_is_a_change(bid: Bid) -> None:
    before = RowState(10, 9, 0, False, 4)
    row = taken(before, bid)
    assert row is not None
    assert (row.version, row.quoted_mono_ns) == (5, 9)


def test_a_row_begins_without_an_offer() -> None:
    assert (RowState(10).offer, RowState(10).output) == (NO_OFFER, 0)
