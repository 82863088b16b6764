"""The equity curve: how the profit of an account came to be, result by result, in bounded memory.

Equity is the capital plus the cumulative profit; both are lamports, exact. Up to `POINT_COUNT_MAX` trades, a point is
one trade. With more, neighbours become one point, which keeps the lowest, the highest and the last of what it stands
for: no peak and no trough is lost.
"""

from dataclasses import dataclass
from typing import Final

from pipeline.auditor.ledger import is_trade
from quote_core.events import ExecutionResult

__all__ = ["POINT_COUNT_MAX", "EquityCurve", "EquityPoint"]

POINT_COUNT_MAX: Final = 4_096
"""More than a screen has columns."""


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """The cumulative profit over one trade or several that follow one another, in lamports."""

    finished_unix_ns: int
    """When the last of them ended."""
    trade_count: int
    low_lamports: int
    high_lamports: int
    profit_lamports: int
    """Cumulative, after the last of them."""


class EquityCurve:
    """The points of the trades added so far, oldest first."""

    def __init__(self) -> None:
        self._points: list[EquityPoint] = []
        self._trades_a_point = 1
        self._profit_lamports = 0

    @property
    def points(self) -> tuple[EquityPoint, ...]:
        """At most `POINT_COUNT_MAX`."""
        return tuple(self._points)

    def add(self, result: ExecutionResult) -> None:
        """Take the next result; what was no trade changes nothing."""
        if not is_trade(result):
            return
        self._profit_lamports += result.profit_lamports
        profit_lamports = self._profit_lamports
        point = EquityPoint(result.finished_unix_ns, 1, profit_lamports, profit_lamports, profit_lamports)
        if self._points and self._points[-1].trade_count < self._trades_a_point:
            self._points[-1] = _joined(self._points[-1], point)
            return
        if len(self._points) == POINT_COUNT_MAX:
            self._points = [_joined(*two) for two in zip(self._points[::2], self._points[1::2], strict=True)]
            self._trades_a_point *= 2
        self._points.append(point)


def _joined(one: EquityPoint, next_one: EquityPoint) -> EquityPoint:
    return EquityPoint(
        max(one.finished_unix_ns, next_one.finished_unix_ns),
        one.trade_count + next_one.trade_count,
        min(one.low_lamports, next_one.low_lamports),
        max(one.high_lamports, next_one.high_lamports),
        next_one.profit_lamports,
    )
