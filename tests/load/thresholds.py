"""Limits in k6's words, such as `p(99)<10`, for what is measured outside k6 as well."""

import json
import math
import operator
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Finding", "Metric", "Thresholds", "findings_of", "load_thresholds", "rate_of", "stats_of"]

Thresholds = Mapping[str, Mapping[str, Sequence[str]]]
"""Expressions by profile and metric."""
Metric = Mapping[str, float]
"""Figures by what k6 calls them: `med`, `p(99)`, `count`, `rate` and so on."""

_EXPRESSION: Final = re.compile(r"(min|med|max|avg|rate|count|p\(\d+\))(<=|>=|==|<|>)(\d+(?:\.\d+)?)")
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
_PERCENTILES: Final = (95, 99)


@dataclass(frozen=True, slots=True)
class Finding:
    """A limit and whether it was kept; `figure` is `None` where nothing was measured, which keeps no limit."""

    metric: str
    expression: str
    figure: float | None
    is_kept: bool


def load_thresholds(path: Path) -> Thresholds:
    """Read a file of limits.

    Raises:
        ValueError: A limit is not in k6's words; the message names it.
    """
    limits: Thresholds = json.loads(path.read_text())
    for profile, metrics in limits.items():
        for metric, expressions in metrics.items():
            for expression in expressions:
                if _EXPRESSION.fullmatch(expression) is None:
                    raise ValueError(f"{path}: {profile}: {metric}: {expression!r} is no limit such as 'p(99)<10'")
    return limits


def findings_of(metrics: Mapping[str, Metric], limits: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Judge every limit."""
    return [
        _judged(metric, expression, metrics.get(metric, {}))
        for metric, expressions in limits.items()
        for expression in expressions
    ]


def _judged(metric: str, expression: str, figures: Metric) -> Finding:
    parts = _EXPRESSION.fullmatch(expression)
    assert parts is not None, "checked when loaded"
    figure = figures.get(parts[1])
    return Finding(metric, expression, figure, figure is not None and _COMPARISONS[parts[2]](figure, float(parts[3])))


def stats_of(samples: Sequence[float]) -> Metric:
    """The figures of a trend, as k6 has them; none of no samples."""
    if not samples:
        return {}
    ranked = sorted(samples)
    percentiles = {f"p({share})": ranked[max(0, math.ceil(len(ranked) * share / 100) - 1)] for share in _PERCENTILES}
    return {"min": ranked[0], "med": statistics.median(ranked), **percentiles, "max": ranked[-1]}


def rate_of(count: int, total: int) -> Metric:
    """The share of `count` in `total`; none of nothing."""
    return {"rate": count / total} if total else {}
