"""Prometheus metrics, read from the parts when somebody scrapes: nothing is counted twice.

What is exported is declared as data, a `Catalogue` for each subject, from which docs/metrics.md is made. A process's
`MetricsPage` has one `MetricSource` a catalogue: a function that looks at the parts and gives `Sample`s. The parts know
no metric; they count in plain integers, or in a `Histogram`. Label values come from sets that no client can enlarge.
"""

import enum
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from quote_core.telemetry.histogram import Histogram

__all__ = [
    "PAGE_AGE_S_MAX",
    "Catalogue",
    "MetricFamily",
    "MetricKind",
    "MetricSettings",
    "MetricSource",
    "MetricsPage",
    "Sample",
]

PAGE_AGE_S_MAX: Final = 0.25
"""A page takes some milliseconds to make, and Prometheus asks once in several seconds."""


class MetricKind(enum.Enum):
    """Type, as Prometheus spells it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Sample(NamedTuple):
    """A value of a family, with the values of its labels in their order."""

    family: "MetricFamily"
    value: float | Histogram
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """A name and what it means; a counter's ends in `_total`, and the unit of any other is its last word."""

    name: str
    kind: MetricKind
    meaning: str
    labels: tuple[str, ...] = ()

    def of(self, value: float | Histogram, *labels: str) -> Sample:
        """A sample of it."""
        return Sample(self, value, labels)


@dataclass(slots=True, eq=False)
class Catalogue:
    """The families of one subject, in the order of their declaration."""

    subject: str
    families: list[MetricFamily] = field(default_factory=list)

    def counter(self, name: str, meaning: str, *labels: str) -> MetricFamily:
        """Declare a total since the start of the process."""
        return self._declared(MetricFamily(name, MetricKind.COUNTER, meaning, labels))

    def gauge(self, name: str, meaning: str, *labels: str) -> MetricFamily:
        """Declare what goes up and down."""
        return self._declared(MetricFamily(name, MetricKind.GAUGE, meaning, labels))

    def histogram(self, name: str, meaning: str, *labels: str) -> MetricFamily:
        """Declare a distribution."""
        return self._declared(MetricFamily(name, MetricKind.HISTOGRAM, meaning, labels))

    def _declared(self, family: MetricFamily) -> MetricFamily:
        self.families.append(family)
        return family


@dataclass(frozen=True, slots=True)
class MetricSource:
    """Who reads the values of a catalogue's families; called at each scrape, from the event loop."""

    catalogue: Catalogue
    read: Callable[[], Iterable[Sample]]


class MetricSettings(Protocol):
    """What a process's settings say of its metrics."""

    @property
    def section(self) -> str:
        """The process."""
        ...

    @property
    def metrics_port(self) -> int:
        """Where they are served; 0 = the system chooses."""
        ...


class MetricsPage:
    """All metrics of a process, as text. Memory, processor, files and collections of the process are among them."""

    def __init__(self, settings: MetricSettings, *sources: MetricSource) -> None:
        self.process = settings.section
        self.port = settings.metrics_port
        self._recent: dict[str, tuple[bytes, str]] = {}
        self._recent_until_s = 0.0
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        for source in sources:
            self.add(source)

    def add(self, source: MetricSource) -> None:
        """Tell this, too."""
        self.collect(_SourceCollector(source))

    def collect(self, collector: Collector) -> None:
        """Tell what a part brings that knows Prometheus itself, such as the reader of shared memory."""
        self._registry.register(collector)

    def text(self, accepted: str = "") -> tuple[bytes, str]:
        """Look now; the text and its content type, which of Prometheus's formats a scraper's `Accept` prefers."""
        encoder, content_type = choose_encoder(accepted)
        return encoder(self._registry), content_type

    def recent(self, accepted: str = "") -> tuple[bytes, str]:
        """The same, `PAGE_AGE_S_MAX` old at most: whoever asks more often does not keep the process from its work."""
        now_s = time.monotonic()
        if now_s >= self._recent_until_s:
            self._recent.clear()
            self._recent_until_s = now_s + PAGE_AGE_S_MAX
        content_type = choose_encoder(accepted)[1]
        if content_type not in self._recent:
            self._recent[content_type] = self.text(accepted)
        return self._recent[content_type]


class _SourceCollector(Collector):
    def __init__(self, source: MetricSource) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Every family, those without a value yet included: a dashboard finds their names."""
        families = {family: _empty(family) for family in self._source.catalogue.families}
        for family, value, labels in self._source.read():
            metric = families[family]
            if isinstance(metric, HistogramMetricFamily):
                assert isinstance(value, Histogram), family.name
                metric.add_metric(labels, list(_cumulated(value)), value.total)
            else:
                assert not isinstance(value, Histogram), family.name
                metric.add_metric(labels, float(value))
        yield from families.values()


_Families = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def _empty(family: MetricFamily) -> _Families:
    made: dict[MetricKind, type[_Families]] = {
        MetricKind.COUNTER: CounterMetricFamily,
        MetricKind.GAUGE: GaugeMetricFamily,
        MetricKind.HISTOGRAM: HistogramMetricFamily,
    }
    return made[family.kind](family.name, family.meaning, labels=family.labels)


def _cumulated(histogram: Histogram) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
    """By bound, with the bound's exemplar if there is one; only the OpenMetrics text has those."""
    count = 0
    for place, bound in enumerate((*map(repr, histogram.bounds), "+Inf")):
        count += histogram.counts[place]
        one = histogram.exemplars.get(place)
        if one is None:
            yield bound, count
        else:
            yield bound, count, Exemplar({"trace_id": one.trace_id, "span_id": one.span_id}, one.value, one.unix_s)
