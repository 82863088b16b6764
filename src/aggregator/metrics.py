"""Prometheus metrics, read from the parts when scraped: nothing is counted twice, and the hot path knows no metric."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from aggregator.health import Figure

__all__ = ["Metrics", "pool_to_shm_histogram"]

_PREFIX = "solquote_aggregator_"


class Metrics(Collector):
    """The figures of the service, as a collector to register."""

    def __init__(self, figures: Mapping[str, Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """One sample of everything."""
        for name, figure in self._figures.items():
            family = CounterMetricFamily if figure.is_counter else GaugeMetricFamily
            yield family(_PREFIX + name, figure.description, value=float(figure.read()))


def pool_to_shm_histogram(registry: CollectorRegistry) -> Histogram:
    """How long pool updates take to shared memory."""
    return Histogram(
        _PREFIX + "pool_update_to_shm_seconds",
        "From the arrival of a pool's account update to its quotes in shared memory",
        buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5),
        registry=registry,
    )
