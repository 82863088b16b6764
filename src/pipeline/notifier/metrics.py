"""What the notifier tells Prometheus: what is open, and whether each destination takes what it is told."""

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.notifier.alert import State
from pipeline.notifier.book import AlertBook
from pipeline.notifier.delivery import Delivery
from quote_core.bus.metrics import BUS_METRICS, FOLLOWER_METRICS
from quote_core.process import PROCESS_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.units import NS_PER_S
from quote_core.work_metrics import WORK_METRICS

__all__ = ["CATALOGUES", "notifier_source"]

_OWN: Final = Catalogue("Notifier")
_ALERTS = _OWN.gauge("solquote_notifier_alerts", "Alerts kept, by where they stand", "state")
_DROPPED = _OWN.counter("solquote_notifier_dropped_total", "Alerts forgotten before every destination was told")
_SENT = _OWN.counter("solquote_notifier_sent_total", "Messages a destination has taken", "destination")
_FAILED = _OWN.counter("solquote_notifier_failures_total", "Tries a destination has not taken", "destination")
_UNDELIVERABLE = _OWN.counter(
    "solquote_notifier_undeliverable_total",
    "Alerts set aside, for a destination does not take what they say",
    "destination",
)
_PENDING = _OWN.gauge(
    "solquote_notifier_pending_alerts", "Alerts a destination has still something to hear of", "destination"
)
_FAILING = _OWN.gauge(
    "solquote_notifier_failing_seconds", "For how long a destination takes nothing; 0 = it does", "destination"
)

CATALOGUES: Final = (PROCESS_METRICS, WORK_METRICS, BUS_METRICS, FOLLOWER_METRICS, _OWN)


def notifier_source(book: AlertBook, deliveries: Sequence[Delivery]) -> MetricSource:
    """The alerts and who hears of them."""
    return MetricSource(_OWN, lambda: _samples(book, deliveries))


def _samples(book: AlertBook, deliveries: Sequence[Delivery]) -> Iterator[Sample]:
    for state in State:
        yield _ALERTS.of(sum(alert.state is state for alert in book.alerts), state.value)
    yield _DROPPED.of(book.dropped_count)
    for one in deliveries:
        yield _SENT.of(one.sent_count, one.name)
        yield _FAILED.of(one.failure_count, one.name)
        yield _UNDELIVERABLE.of(one.undeliverable_count, one.name)
        yield _PENDING.of(one.pending_count, one.name)
        yield _FAILING.of(one.failing_ns / NS_PER_S, one.name)
