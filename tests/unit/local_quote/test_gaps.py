"""Changes that were not notified."""

import pytest

from local_quote.gaps import LATE_NS_MAX, LOSSY_NS, FeedGaps

FOLLOWED = {"a"}


@pytest.fixture
def gaps() -> FeedGaps:
    return FeedGaps()


def test_a_change_that_nobody_notified_in_time_was_lost(gaps: FeedGaps) -> None:
    gaps.notified("a", 5)
    gaps.shown({"a": 5}, FOLLOWED, 0)
    assert not gaps.is_lossy(LATE_NS_MAX)
    assert gaps.is_lossy(LATE_NS_MAX + 1)
    assert gaps.count == 1
    assert gaps.is_lossy(LATE_NS_MAX + LOSSY_NS)
    assert not gaps.is_lossy(LATE_NS_MAX + 1 + LOSSY_NS)


def test_a_notification_may_come_before_the_answer_or_after_it(gaps: FeedGaps) -> None:
    gaps.notified("a", 6)
    gaps.shown({"a": 5}, FOLLOWED, 0)
    gaps.shown({"a": 6}, FOLLOWED, 0)
    gaps.notified("a", 7)
    assert not gaps.is_lossy(10 * LATE_NS_MAX)


def test_one_of_an_older_slot_tells_nothing(gaps: FeedGaps) -> None:
    gaps.shown({"a": 5}, FOLLOWED, 0)
    gaps.notified("a", 5)
    assert gaps.is_lossy(2 * LATE_NS_MAX)


def test_accounts_that_are_not_followed_owe_nothing(gaps: FeedGaps) -> None:
    gaps.shown({"b": 5}, FOLLOWED, 0)
    gaps.shown({"a": 5}, FOLLOWED, 0)
    gaps.forget(["a"])
    gaps.shown({"a": 5}, FOLLOWED, 0)
    gaps.forget_awaited()
    assert not gaps.is_lossy(10 * LATE_NS_MAX)
