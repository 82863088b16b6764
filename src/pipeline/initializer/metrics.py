"""What the initializer tells Prometheus: the streams as it found them at its last look."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from quote_core.bus.metrics import BUS_METRICS
from quote_core.bus.survey import StreamSurvey
from quote_core.process import PROCESS_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample

__all__ = ["CATALOGUES", "streams_source"]

_OWN: Final = Catalogue("Streams")
_MESSAGES = _OWN.gauge(
    "solquote_stream_messages", "Messages that the stream keeps; those of DEAD_LETTERS are dead letters", "stream"
)
_BYTES = _OWN.gauge("solquote_stream_bytes", "What they take", "stream")
_BYTES_MAX = _OWN.gauge("solquote_stream_limit_bytes", "Above this the oldest are dropped", "stream")
_STORED = _OWN.counter("solquote_stream_stored_total", "Messages stored in the life of the stream", "stream")
_CONSUMERS = _OWN.gauge("solquote_stream_consumers", "Readers of the stream", "stream")

CATALOGUES: Final = (PROCESS_METRICS, BUS_METRICS, _OWN)


def streams_source(surveys: Callable[[], Sequence[StreamSurvey]]) -> MetricSource:
    """The streams of the last look."""
    return MetricSource(_OWN, lambda: _samples(surveys()))


def _samples(surveys: Sequence[StreamSurvey]) -> Iterator[Sample]:
    for one in surveys:
        yield _MESSAGES.of(one.message_count, one.stream)
        yield _BYTES.of(one.size_bytes, one.stream)
        yield _BYTES_MAX.of(one.bytes_max, one.stream)
        yield _STORED.of(one.last_sequence, one.stream)
        yield _CONSUMERS.of(one.consumer_count, one.stream)
