"""What a server tells of its calls: rate, errors and duration of each method."""

from collections.abc import Iterator
from typing import Final

from quote_core.telemetry.calls import CallCounter
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample

__all__ = ["GRPC_METRICS", "HTTP_METRICS", "grpc_source", "http_source"]

GRPC_METRICS: Final = Catalogue("gRPC")
_GRPC_CALLS = GRPC_METRICS.counter(
    "solquote_grpc_calls_total", "Calls that have ended; method `other` is what is not served", "method", "code"
)
_GRPC_TOOK = GRPC_METRICS.histogram(
    "solquote_grpc_call_duration_seconds", "Until the answer; of a stream, until its first message", "method"
)
_GRPC_OPEN = GRPC_METRICS.gauge("solquote_grpc_open_calls", "Calls and streams under way", "method")
_GRPC_MESSAGES = GRPC_METRICS.counter("solquote_grpc_stream_messages_total", "Messages sent on streams", "method")

HTTP_METRICS: Final = Catalogue("HTTP")
_HTTP_CALLS = HTTP_METRICS.counter(
    "solquote_http_requests_total",
    "Requests answered; verb and route `other` are what is not served, code 499 a client that left",
    "verb",
    "route",
    "code",
)
_HTTP_TOOK = HTTP_METRICS.histogram("solquote_http_request_duration_seconds", "Until the answer", "verb", "route")
_HTTP_OPEN = HTTP_METRICS.gauge("solquote_http_open_requests", "Requests under way", "verb", "route")


def grpc_source(calls: CallCounter) -> MetricSource:
    """The gRPC calls."""
    return MetricSource(GRPC_METRICS, lambda: _grpc_samples(calls))


def http_source(calls: CallCounter) -> MetricSource:
    """The HTTP calls."""
    return MetricSource(HTTP_METRICS, lambda: _http_samples(calls))


def _grpc_samples(calls: CallCounter) -> Iterator[Sample]:
    for method, figures in calls.grpc.items():
        for code, count in figures.endings.items():
            yield _GRPC_CALLS.of(count, method, code)
        yield _GRPC_TOOK.of(figures.took_s, method)
        yield _GRPC_OPEN.of(figures.open_count, method)
        if figures.message_count:  # other methods have no messages to count
            yield _GRPC_MESSAGES.of(figures.message_count, method)


def _http_samples(calls: CallCounter) -> Iterator[Sample]:
    for call, figures in calls.http.items():
        for code, count in figures.endings.items():
            yield _HTTP_CALLS.of(count, *call, code)
        yield _HTTP_TOOK.of(figures.took_s, *call)
        yield _HTTP_OPEN.of(figures.open_count, *call)
