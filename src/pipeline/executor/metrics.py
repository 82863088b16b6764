"""What an executor tells Prometheus: how plans end, how long that takes, and what is at stake now."""

from collections.abc import Callable, Iterator
from typing import Final

from pipeline.executor.guards import GUARD_NAMES
from pipeline.executor.worker import Worker
from pipeline.trading_gate.metrics import GATE_METRICS
from quote_core.bus.metrics import BUS_METRICS, PULL_METRICS
from quote_core.process import PROCESS_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.work_metrics import WORK_METRICS

__all__ = ["CATALOGUES", "executor_source"]

_OWN: Final = Catalogue("Executor")
_RESULTS = _OWN.counter("solquote_executor_results_total", "Plans concluded by this executor, by outcome", "outcome")
_REFUSALS = _OWN.counter("solquote_executor_refusals_total", "Plans refused, by the guard that did", "guard")
_BROKEN = _OWN.counter("solquote_executor_broken_total", "Failures that are our own or a neighbour's fault")
_DEAD = _OWN.counter("solquote_executor_dead_letters_total", "Messages that are no plan, or that no try could settle")
_ELSEWHERE = _OWN.counter("solquote_executor_concluded_elsewhere_total", "Plans another executor concluded")
_TO_FILL = _OWN.histogram(
    "solquote_executor_plan_to_fill_seconds", "From the making of a plan to its fill, by the wall clocks of both hosts"
)
_OPPORTUNITY_TO_FILL = _OWN.histogram(
    "solquote_executor_opportunity_to_fill_seconds", "From the sight of an opportunity to its fill, likewise"
)
_EXPOSURE = _OWN.gauge("solquote_executor_exposure_lamports", "Amounts of the plans being executed now")
_PROFIT = _OWN.gauge(
    "solquote_executor_profit_lamports", "Net profit of what this executor concluded since it began; losses lower it"
)

CATALOGUES: Final = (PROCESS_METRICS, WORK_METRICS, BUS_METRICS, PULL_METRICS, GATE_METRICS, _OWN)


def executor_source(worker: Callable[[], Worker | None]) -> MetricSource:
    """The worker, once it works."""
    return MetricSource(_OWN, lambda: _samples(worker()))


def _samples(worker: Worker | None) -> Iterator[Sample]:
    if worker is None:
        return
    counts = worker.counts
    for outcome in ("filled", "missed", "failed", "refused", "abandoned"):
        yield _RESULTS.of(getattr(counts, outcome), outcome)
    for guard in GUARD_NAMES:
        yield _REFUSALS.of(counts.refused_by[guard], guard)
    yield _BROKEN.of(counts.broken)
    yield _DEAD.of(counts.dead)
    yield _ELSEWHERE.of(counts.concluded_elsewhere)
    yield _TO_FILL.of(worker.plan_to_fill_s)
    yield _OPPORTUNITY_TO_FILL.of(worker.opportunity_to_fill_s)
    yield _EXPOSURE.of(worker.exposure_lamports)
    yield _PROFIT.of(counts.profit_lamports)
