"""The equity curve keeps every peak and trough in however few points."""

import pytest
from fakes.results import result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.auditor import equity
from pipeline.auditor.equity import EquityCurve, EquityPoint
from pipeline.auditor.ledger import Ledger
from quote_core.events import Outcome


def curve(*profits: int) -> EquityCurve:
    drawn = EquityCurve()
    for number, profit in enumerate(profits):
        drawn.add(result(profit, finished_unix_ns=10 * number))
    return drawn


def test_each_trade_is_a_point_while_there_is_room() -> None:
    assert curve(5, -7, 3).points == (
        EquityPoint(0, 1, 5, 5, 5),
        EquityPoint(10, 1, -2, -2, -2),
        EquityPoint(20, 1, 1, 1, 1),
    )


def test_what_was_no_trade_is_no_point() -> None:
    drawn = curve(5)
    drawn.add(result(0, outcome=Outcome.REFUSED))
    drawn.add(result(-1, outcome=Outcome.FAILED))
    assert [point.profit_lamports for point in drawn.points] == [5, 4]


def test_with_more_trades_than_points_neighbours_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equity, "POINT_COUNT_MAX", 4)
    assert curve(1, 10, -20, 3, 5).points == (
        EquityPoint(10, 2, 1, 11, 11),
        EquityPoint(30, 2, -9, -6, -6),
        EquityPoint(40, 1, -1, -1, -1),
    )


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=200), st.sampled_from([2, 4, 16, 256]))
def test_the_points_are_few_and_lose_no_trade_no_extreme_and_not_the_end(profits: list[int], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(equity, "POINT_COUNT_MAX", limit)
        points = curve(*profits).points
    sums = [sum(profits[: count + 1]) for count in range(len(profits))]
    assert len(points) <= limit
    assert sum(point.trade_count for point in points) == len(profits)
    assert min(point.low_lamports for point in points) == min(sums)
    assert max(point.high_lamports for point in points) == max(sums)
    ledger = Ledger.of(map(result, profits), capital_lamports=1)
    assert points[-1].profit_lamports == ledger.cumulative_profit_lamports
    assert [point.finished_unix_ns for point in points] == sorted(point.finished_unix_ns for point in points)
