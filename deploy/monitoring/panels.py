"""What a dashboard is described by. Nothing here knows Grafana; `grafana.py` does."""

import enum
from dataclasses import dataclass
from typing import Final

__all__ = [
    "DOWN_UP",
    "Dashboard",
    "Kind",
    "Panel",
    "Query",
    "Row",
    "Step",
    "Unit",
    "heat",
    "lines",
    "number",
    "per_second",
    "quantile",
    "series",
]

WINDOW: Final = "$__rate_interval"
"""Grafana's own: wide enough for a rate at the resolution that is shown."""


class Unit(enum.Enum):
    """As Grafana spells it."""

    NUMBER = "short"
    SECONDS = "s"
    BYTES = "bytes"
    FRACTION = "percentunit"
    PER_SECOND = "cps"
    SOL = "suffix: SOL"
    SLOTS = "suffix: slots"


class Kind(enum.Enum):
    """How it is drawn, as Grafana spells it."""

    NUMBER = "stat"
    LINES = "timeseries"
    STATES = "state-timeline"
    HEAT = "heatmap"


@dataclass(frozen=True, slots=True)
class Query:
    """What Prometheus is asked, and what the answer is called."""

    promql: str
    legend: str


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on it has this colour."""

    value: float
    colour: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    meaning: str
    kind: Kind
    unit: Unit
    queries: tuple[Query, ...]
    steps: tuple[Step, ...] = ()
    """Ascending; below the first it is green."""
    words: tuple[tuple[float, str, str], ...] = ()
    """Value, what is shown instead, colour."""
    width: int = 12
    """Of 24 columns."""
    height: int = 8
    names_only: bool = False
    """The label says it, the value nothing."""
    low: str = "green"
    """The colour below the first step."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels; `name` makes its file and its uid, so it stays."""

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]
    by_service: bool = False
    """Whether the reader chooses among processes, as `$service`."""

    @property
    def uid(self) -> str:
        """Under which Grafana keeps it."""
        return f"solquote-{self.name}"


DOWN_UP: Final = ((0.0, "down", "red"), (1.0, "up", "green"))


def number(
    title: str, meaning: str, unit: Unit, promql: str, *, legend: str = "", steps: tuple[Step, ...] = (), width: int = 4
) -> Panel:
    """The newest value, large."""
    return Panel(title, meaning, Kind.NUMBER, unit, (Query(promql, legend),), steps=steps, width=width, height=4)


def lines(
    title: str, meaning: str, unit: Unit, *queries: tuple[str, str], steps: tuple[Step, ...] = (), width: int = 12
) -> Panel:
    """Values over time; each query with its legend."""
    return Panel(
        title, meaning, Kind.LINES, unit, tuple(Query(promql, legend) for promql, legend in queries), steps, width=width
    )


def heat(title: str, meaning: str, unit: Unit, metric: str, *, width: int = 12) -> Panel:
    """How a distribution changes over time."""
    return Panel(
        title,
        meaning,
        Kind.HEAT,
        unit,
        (Query(f"sum by (le) (increase({metric}_bucket[{WINDOW}]))", "{{le}}"),),
        width=width,
    )


def per_second(selector: str, *by: str) -> str:
    """How fast a total grows."""
    summed = f"sum by ({', '.join(by)}) " if by else "sum"
    return f"{summed}(rate({selector}[{WINDOW}]))"


def quantile(fraction: float, metric: str, *by: str) -> str:
    """Of a histogram; NaN while nothing is counted."""
    return f"histogram_quantile({fraction:g}, sum by ({', '.join((*by, 'le'))}) (rate({metric}_bucket[{WINDOW}])))"


def series(metric: str, *by: str) -> tuple[tuple[str, str], ...]:
    """Median and 99th percentile of a histogram, named by its labels."""
    name = " ".join(f"{{{{{label}}}}}" for label in by)
    return tuple((quantile(fraction, metric, *by), f"{name} p{fraction * 100:g}".strip()) for fraction in (0.5, 0.99))
