"""Where everything lies in a picture of the equity curve, whatever it is drawn as.

Time goes to the right, cumulative profit in SOL upwards, in steps: between two trades nothing is earned. The band shows
the lowest and the highest where a point stands for several trades. Zero is always in it. Places are from the upper left
corner of a picture of `WIDTH` by `HEIGHT`; that of a text is where its line stands.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, Literal

from pipeline.auditor.equity import EquityPoint
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_S

__all__ = ["BOTTOM", "HEIGHT", "LEFT", "RIGHT", "TOP", "WIDTH", "EquityChart", "GridLine", "Label", "Place"]

WIDTH: Final = 960
HEIGHT: Final = 420
LEFT, RIGHT, TOP, BOTTOM = 96, 24, 48, 60
"""Margins, in which the axes are labelled."""

TICKS: Final = 6
"""About so many on an axis."""

Place = tuple[float, float]
"""From the left, and from above."""


@dataclass(frozen=True, slots=True)
class Label:
    """A text beside an axis."""

    text: str
    x: float
    y: float
    anchor: Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class GridLine:
    """From the left to the right end of the curve's room."""

    y: float
    is_zero: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityChart:
    """All that is drawn.

    Attributes:
        title: Plain text.
        grid: Of the profit axis.
        labels: Of both axes.
        upper: The upper edge of the band, and `lower` the lower one; empty when every point is one trade.
        curve: From place to place, across and then up or down; empty without points.
    """

    title: str
    grid: Sequence[GridLine]
    labels: Sequence[Label]
    upper: Sequence[Place]
    lower: Sequence[Place]
    curve: Sequence[Place]

    @classmethod
    def of(cls, points: Sequence[EquityPoint], *, title: str) -> "EquityChart":
        """Lay out the points, oldest first; none gives axes without a curve."""
        scale = _Scale.of(points)
        ticks = list(_profit_ticks(scale))
        has_band = any(point.trade_count > 1 for point in points)
        return cls(
            title=title,
            grid=[GridLine(tick.y - 4, is_zero) for tick, is_zero in ticks],
            labels=[*(tick for tick, _ in ticks), Label("SOL", LEFT - 8, 28, "end"), *_time_labels(scale)],
            upper=[scale.place(point, point.high_lamports) for point in points] if has_band else [],
            lower=[scale.place(point, point.low_lamports) for point in points] if has_band else [],
            curve=list(_steps([scale.place(point, point.profit_lamports) for point in points])),
        )


class _Scale:
    """From times and lamports to the picture."""

    def __init__(self, first_ns: int, last_ns: int, low_lamports: int, high_lamports: int) -> None:
        self.first_ns, self.last_ns = first_ns, max(last_ns, first_ns + NS_PER_S)
        self.low_lamports, self.high_lamports = low_lamports, max(high_lamports, low_lamports + 1)

    @classmethod
    def of(cls, points: Sequence[EquityPoint]) -> "_Scale":
        times = [point.finished_unix_ns for point in points] or [0]
        return cls(
            min(times),
            max(times),
            min(0, *(point.low_lamports for point in points)) if points else 0,
            max(0, *(point.high_lamports for point in points)) if points else 0,
        )

    def x(self, unix_ns: int) -> float:
        return LEFT + (unix_ns - self.first_ns) / (self.last_ns - self.first_ns) * (WIDTH - LEFT - RIGHT)

    def y(self, lamports: float) -> float:
        share = (lamports - self.low_lamports) / (self.high_lamports - self.low_lamports)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def place(self, point: EquityPoint, lamports: int) -> Place:
        return self.x(point.finished_unix_ns), self.y(lamports)


def _steps(places: Sequence[Place]) -> Iterator[Place]:
    yield from places[:1]
    for (_, y_before), (x, y) in pairwise(places):
        yield x, y_before
        yield x, y


def _profit_ticks(scale: _Scale) -> Iterator[tuple[Label, bool]]:
    """With whether it is zero's."""
    step = _round_step((scale.high_lamports - scale.low_lamports) / TICKS)
    places = max(0, 9 - (len(str(step)) - 1))
    for index in range(math.ceil(scale.low_lamports / step), scale.high_lamports // step + 1):
        text = f"{index * step / LAMPORTS_PER_SOL:,.{places}f}"
        yield Label(text, LEFT - 8, scale.y(index * step) + 4, "end"), index == 0


def _round_step(at_least: float) -> int:
    """The smallest 1, 2 or 5 with zeros behind it that is no less."""
    zeros = int(10 ** max(0, math.floor(math.log10(max(at_least, 1)))))
    return next(digit * zeros for digit in (1, 2, 5, 10) if digit * zeros >= at_least)


def _time_labels(scale: _Scale) -> Iterator[Label]:
    span_ns = scale.last_ns - scale.first_ns
    form = "%H:%M:%S" if span_ns < 86_400 * NS_PER_S else "%m-%d %H:%M"
    for index in range(TICKS):
        at_ns = scale.first_ns + span_ns * index // (TICKS - 1)
        text = f"{datetime.fromtimestamp(at_ns // NS_PER_S, UTC):{form}}"
        yield Label(
            text, scale.x(at_ns), HEIGHT - 38, "start" if index == 0 else "end" if index == TICKS - 1 else "middle"
        )
    first_day, last_day = (
        f"{datetime.fromtimestamp(ns // NS_PER_S, UTC):%Y-%m-%d}" for ns in (scale.first_ns, scale.last_ns)
    )
    days = first_day if first_day == last_day else f"{first_day} to {last_day}"
    yield Label(f"{days} (UTC)", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "middle")
