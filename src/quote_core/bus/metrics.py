"""What a process tells of its connection to NATS, of the consumer it works off, and of the streams it follows."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from quote_core.bus.concurrent_pull import PullFigures
from quote_core.bus.connection import Bus
from quote_core.bus.stage import Stage
from quote_core.events import Stream
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample

__all__ = [
    "BUS_METRICS",
    "FOLLOWER_METRICS",
    "PULL_METRICS",
    "STAGE_METRICS",
    "bus_source",
    "follower_source",
    "pull_source",
    "stage_source",
]

BUS_METRICS: Final = Catalogue("NATS")
_CONNECTED = BUS_METRICS.gauge("solquote_bus_connected", "1 while NATS is there")
_REFUSED = BUS_METRICS.counter("solquote_bus_refused_total", "Messages that a stream or the server would not take")
_MALFORMED = BUS_METRICS.counter("solquote_bus_malformed_total", "Pushed messages that were no events")

PULL_METRICS: Final = Catalogue("Consumer")
_TAKEN = PULL_METRICS.counter("solquote_consumer_taken_total", "Messages taken from the stream", "stream", "consumer")
_REDELIVERED = PULL_METRICS.counter(
    "solquote_consumer_redelivered_total", "Those of them that had been delivered before", "stream", "consumer"
)
_IN_HAND = PULL_METRICS.gauge("solquote_consumer_in_hand_messages", "Being worked on now", "stream", "consumer")
_LAG = PULL_METRICS.gauge(
    "solquote_consumer_lag_messages", "How many waited behind the message taken last", "stream", "consumer"
)

STAGE_METRICS: Final = Catalogue("Stage")
_SETTLED = STAGE_METRICS.counter(
    "solquote_stage_settled_total", "Messages by what became of them: answered, retried or dead", "consumer", "outcome"
)
_PUBLISHED = STAGE_METRICS.counter("solquote_stage_published_total", "Events published as answers", "consumer")

FOLLOWER_METRICS: Final = Catalogue("Follower")
_BEHIND = FOLLOWER_METRICS.gauge(
    "solquote_follower_lag_messages", "How many the stream kept behind the message read last", "stream"
)


def bus_source(bus: Callable[[], Bus | None]) -> MetricSource:
    """A connection, once there is one."""
    return MetricSource(BUS_METRICS, lambda: _bus_samples(bus()))


def pull_source(figures: Callable[[], PullFigures | None]) -> MetricSource:
    """A durable consumer, once it is pulled."""
    return MetricSource(PULL_METRICS, lambda: _pull_samples(figures()))


def stage_source(stage: Callable[[], Stage | None]) -> MetricSource:
    """A stage, once it works."""
    return MetricSource(STAGE_METRICS, lambda: _stage_samples(stage()))


def follower_source(remaining: Callable[[], Mapping[Stream, int]]) -> MetricSource:
    """How far a reader of streams is behind, by stream."""
    return MetricSource(FOLLOWER_METRICS, lambda: _follower_samples(remaining()))


def _bus_samples(bus: Bus | None) -> Iterator[Sample]:
    yield _CONNECTED.of(bus is not None and bus.is_connected)
    if bus is not None:
        yield _REFUSED.of(bus.refused_count)
        yield _MALFORMED.of(bus.malformed_count)


def _pull_samples(figures: PullFigures | None) -> Iterator[Sample]:
    if figures is not None:
        labels = (figures.consumer.stream.value, figures.consumer.name)
        yield _TAKEN.of(figures.taken_count, *labels)
        yield _REDELIVERED.of(figures.redelivered_count, *labels)
        yield _IN_HAND.of(figures.in_hand_count, *labels)
        yield _LAG.of(figures.waiting_count, *labels)


def _stage_samples(stage: Stage | None) -> Iterator[Sample]:
    if stage is not None:
        name, counts = stage.pull.consumer.name, stage.counts
        for outcome, count in (("answered", counts.answered), ("retried", counts.retried), ("dead", counts.dead)):
            yield _SETTLED.of(count, name, outcome)
        yield _PUBLISHED.of(counts.published, name)


def _follower_samples(remaining: Mapping[Stream, int]) -> Iterator[Sample]:
    for stream, count in remaining.items():
        yield _BEHIND.of(count, stream.value)
