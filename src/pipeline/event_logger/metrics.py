"""What the event logger tells Prometheus: how far the journal is behind the streams, and whether it can be written."""

from collections.abc import Iterator
from typing import Final

from pipeline.event_logger.writing import Writing
from quote_core.bus.metrics import BUS_METRICS, FOLLOWER_METRICS
from quote_core.process import PROCESS_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.units import NS_PER_MS, NS_PER_S
from quote_core.work_metrics import WORK_METRICS

__all__ = ["CATALOGUES", "journal_source"]

_OWN: Final = Catalogue("Event logger")
_WRITTEN = _OWN.counter("solquote_journal_records_total", "Events written down since the start of the process")
_FAILURES = _OWN.counter("solquote_journal_failures_total", "How often the journal could not be written")
_UNWRITTEN = _OWN.gauge("solquote_journal_unwritten_seconds", "For how long it cannot be written; 0 = it can")

CATALOGUES: Final = (PROCESS_METRICS, WORK_METRICS, BUS_METRICS, FOLLOWER_METRICS, _OWN)


def journal_source(writing: Writing) -> MetricSource:
    """The journal."""
    return MetricSource(_OWN, lambda: _samples(writing))


def _samples(writing: Writing) -> Iterator[Sample]:
    work = writing.work()
    yield _WRITTEN.of(work.handled_total - work.errors_total)
    yield _FAILURES.of(work.errors_total)
    yield _UNWRITTEN.of(work.unwritten_ms * NS_PER_MS / NS_PER_S)
