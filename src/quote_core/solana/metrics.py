"""What a process tells of the Solana node it asks."""

from collections.abc import Iterator
from typing import Final

from quote_core.solana.rpc import RpcClient
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample

__all__ = ["RPC_METRICS", "rpc_source"]

RPC_METRICS: Final = Catalogue("Solana RPC")
_CALLS = RPC_METRICS.counter(
    "solquote_rpc_calls_total",
    "Calls that have ended, all tries of one together; code OK, or what came instead of an answer",
    "endpoint",
    "method",
    "code",
)
_TOOK = RPC_METRICS.histogram(
    "solquote_rpc_call_duration_seconds", "From the first try to the answer", "endpoint", "method"
)
_TRIES = RPC_METRICS.counter("solquote_rpc_attempts_total", "Requests sent, repeated ones included", "endpoint")
_PAUSED = RPC_METRICS.gauge(
    "solquote_rpc_pause_seconds", "For how long the node wants no request yet; 0 = it does not say", "endpoint"
)


def rpc_source(client: RpcClient) -> MetricSource:
    """The calls of a client."""
    return MetricSource(RPC_METRICS, lambda: _samples(client))


def _samples(client: RpcClient) -> Iterator[Sample]:
    endpoint = client.shown_url
    for method, figures in client.calls.items():
        for code, count in figures.endings.items():
            yield _CALLS.of(count, endpoint, method, code)
        yield _TOOK.of(figures.took_s, endpoint, method)
    yield _TRIES.of(client.attempt_count, endpoint)
    yield _PAUSED.of(client.pause_s, endpoint)
