"""What the planner tells Prometheus: plans, rejections by reason, and how long an opportunity takes to a plan."""

from collections.abc import Callable, Iterator
from typing import Final

from pipeline.planner.planner import Planner
from pipeline.trading_gate.metrics import GATE_METRICS
from quote_core.bus.metrics import BUS_METRICS, PULL_METRICS, STAGE_METRICS
from quote_core.events import Rejection
from quote_core.process import PROCESS_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.units import BPS
from quote_core.work_metrics import WORK_METRICS

__all__ = ["CATALOGUES", "planner_source"]

_OWN: Final = Catalogue("Planner")
_PLANS = _OWN.counter("solquote_planner_plans_total", "Opportunities that became a plan")
_REJECTIONS = _OWN.counter(
    "solquote_planner_rejections_total", "Reasons against an opportunity; one may have several", "reason"
)
_LEAST_PROFIT = _OWN.gauge(
    "solquote_planner_net_profit_min_ratio",
    "Least net profit of the amount; raised while few plans land, if that is set",
)
_TOOK = _OWN.histogram("solquote_planner_opportunity_to_plan_seconds", "Age of the opportunity when it was planned")

CATALOGUES: Final = (PROCESS_METRICS, WORK_METRICS, BUS_METRICS, PULL_METRICS, STAGE_METRICS, GATE_METRICS, _OWN)


def planner_source(planner: Callable[[], Planner | None]) -> MetricSource:
    """The planner, once it plans."""
    return MetricSource(_OWN, lambda: _samples(planner()))


def _samples(planner: Planner | None) -> Iterator[Sample]:
    if planner is not None:
        yield _PLANS.of(planner.planned_count)
        for reason in Rejection:
            yield _REJECTIONS.of(planner.rejected[reason], reason.name.lower())
        yield _LEAST_PROFIT.of(planner.limits().net_profit_bps_min / BPS)
        yield _TOOK.of(planner.to_plan_s)
