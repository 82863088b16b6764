"""What a process tells of the Solana nodes it asks. An endpoint is named by its host and number, and there are few."""

from collections.abc import Iterator
from typing import Final

from quote_core.solana.endpoint_health import EndpointState
from quote_core.solana.endpoints import Endpoints
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.units import NS_PER_S

__all__ = ["RPC_METRICS", "rpc_source"]

RPC_METRICS: Final = Catalogue("Solana RPC")
_CALLS = RPC_METRICS.counter(
    "solquote_rpc_calls_total",
    "Calls that have ended, all tries of one together, by the endpoint asked last; code OK, or what came instead",
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
_FAILOVERS = RPC_METRICS.counter(
    "solquote_rpc_failovers_total", "Calls that an endpoint did not answer and another was asked", "endpoint"
)
_STATE = RPC_METRICS.gauge("solquote_rpc_endpoint_state", "1 for the state an endpoint is in", "endpoint", "state")
_LAG = RPC_METRICS.gauge(
    "solquote_rpc_endpoint_lag_slots", "How far an endpoint was behind the others, or too far ahead, last", "endpoint"
)
_READ = RPC_METRICS.gauge("solquote_rpc_endpoint_readable", "1 while an endpoint may be read from", "endpoint")
_SUBSCRIBED = RPC_METRICS.gauge(
    "solquote_rpc_endpoint_subscribed", "1 for the endpoint that the account feed is subscribed to", "endpoint"
)


def rpc_source(endpoints: Endpoints) -> MetricSource:
    """The endpoints of a process and its calls to them."""
    return MetricSource(RPC_METRICS, lambda: _samples(endpoints))


def _samples(endpoints: Endpoints) -> Iterator[Sample]:
    for endpoint in endpoints:
        for method, figures in endpoint.calls.items():
            for code, count in figures.endings.items():
                yield _CALLS.of(count, endpoint.name, method, code)
            yield _TOOK.of(figures.took_s, endpoint.name, method)
        yield _TRIES.of(endpoint.attempt_count, endpoint.name)
        yield _FAILOVERS.of(endpoint.failover_count, endpoint.name)
        yield _PAUSED.of(endpoint.health.pause_ns / NS_PER_S, endpoint.name)
        for state in EndpointState:
            yield _STATE.of(endpoint.health.state is state, endpoint.name, state.value)
        yield _LAG.of(abs(endpoint.lag_slots), endpoint.name)
        yield _READ.of(endpoints.is_read(endpoint), endpoint.name)
        yield _SUBSCRIBED.of(endpoint.is_subscribed, endpoint.name)
