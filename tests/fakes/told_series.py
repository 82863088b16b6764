"""What Prometheus can be asked for of a platform, by the catalogues of its processes and the client library."""

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from quote_core.telemetry.metrics import MetricKind
from solquote.metrics_reference import catalogues_of, names_of
from solquote.processes import SERVICES

HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


def told_series() -> set[str]:
    """The names; of a histogram, those of its parts, too."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    told = {sample.name for metric in registry.collect() for sample in metric.samples}
    for service in SERVICES:
        told |= names_of(service)
        for catalogue in catalogues_of(service):
            for family in catalogue.families:
                if family.kind is MetricKind.HISTOGRAM:
                    told |= {family.name + part for part in HISTOGRAM_PARTS}
    return told
