"""A reader's figures for Prometheus, when a program asks for them: `REGISTRY.register(ReaderCollector(reader))`.

The reader counts nothing for this; it is read when somebody scrapes. A single repeated try at an entry is not counted:
that would write on the path that is to cost nothing. What is counted is a read that found no whole copy in all tries.

Needs `prometheus_client`.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shm.layout import Role
from shm.reader import QuoteReader
from shm.values import Liveness

__all__ = ["READER_COUNTERS", "WRITER_LIVE", "ReaderCollector", "ReaderCounter"]


class ReaderCounter(NamedTuple):
    """A total of the reader's."""

    name: str
    meaning: str
    read: Callable[[QuoteReader], int]


READER_COUNTERS: Final = (
    ReaderCounter(
        "solquote_shm_reader_scans_total",
        "Whole files gone through: one for each file attached, then one for each lap or restart of the writer",
        lambda reader: reader.scan_count,
    ),
    ReaderCounter("solquote_shm_reader_attached_total", "Files attached to", lambda reader: reader.attach_count),
    ReaderCounter(
        "solquote_shm_reader_busy_total",
        "Reads that found no whole copy of an entry in all their tries",
        lambda reader: reader.busy_count,
    ),
)
WRITER_LIVE: Final = ("solquote_shm_reader_writer_live", "1 while the writer of the file lives")
"""A gauge, by `file`."""


class ReaderCollector(Collector):
    """One reader; a second one needs a registry of its own."""

    def __init__(self, reader: QuoteReader) -> None:
        self._reader = reader

    def collect(self) -> Iterator[Metric]:
        """The figures now."""
        for counter in READER_COUNTERS:
            yield CounterMetricFamily(counter.name, counter.meaning, value=counter.read(self._reader))
        live = GaugeMetricFamily(*WRITER_LIVE, labels=["file"])
        for role in Role:
            live.add_metric([role.name.lower()], self._reader.liveness(role) is Liveness.LIVE)
        yield live
