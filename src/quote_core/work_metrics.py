"""What every process tells of its work, beside what it reports to the system manager."""

from collections.abc import Callable, Iterator
from typing import Final

from quote_core.health import WorkFigures
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample

__all__ = ["WORK_METRICS", "work_source"]

WORK_METRICS: Final = Catalogue("Work")
_HANDLED = WORK_METRICS.counter("solquote_work_handled_total", "Pieces of work done, as the system manager counts them")
_ERRORS = WORK_METRICS.counter(
    "solquote_work_errors_total", "Those that failed by the process's own fault, or on data it cannot read"
)


def work_source(work: Callable[[], WorkFigures]) -> MetricSource:
    """The figures the system manager's rules are computed from."""
    return MetricSource(WORK_METRICS, lambda: _samples(work()))


def _samples(work: WorkFigures) -> Iterator[Sample]:
    yield _HANDLED.of(work.handled_total)
    yield _ERRORS.of(work.errors_total)
