"""What the external quote service tells Prometheus: its providers, their breakers, and its cache."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from external_quote.answers_kept import AnswersKept
from external_quote.provider_guard import ProviderGuard
from external_quote.quoter import ProviderQuoter
from external_quote.refresher import QuoteRefresher
from external_quote.shared_quotes import SharedQuotes
from external_quote.split_cache import SplitCache
from external_quote.stream_demand import StreamDemand
from quote_core.process import PROCESS_METRICS
from quote_core.resilience import BreakerState
from quote_core.serving.metrics import GRPC_METRICS
from quote_core.shared_cache import SHARED_CACHE_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.work_metrics import WORK_METRICS

__all__ = ["CATALOGUES", "ExternalQuoteParts", "external_quote_source"]

_OWN: Final = Catalogue("External quote service")
_REQUESTS = _OWN.counter(
    "solquote_external_quote_provider_requests_total",
    "Requests that have ended: answered (a refusal is an answer), unreadable or unanswered",
    "provider",
    "outcome",
)
_TOOK = _OWN.histogram(
    "solquote_external_quote_provider_request_duration_seconds", "Until the answer, or its absence", "provider"
)
_SUCCESS = _OWN.gauge(
    "solquote_external_quote_provider_success_ratio", "Over the health window: the provider's reliability", "provider"
)
_BREAKER = _OWN.gauge(
    "solquote_external_quote_breaker_state", "1 for the state of the circuit breaker", "provider", "state"
)
_TOKENS = _OWN.gauge("solquote_external_quote_available_tokens", "Requests the rate limit allows at once", "provider")
_PAUSE = _OWN.gauge(
    "solquote_external_quote_provider_pause_seconds", "For how long the provider wants no request", "provider"
)
_LOOKUPS = _OWN.counter("solquote_external_quote_cache_lookups_total", "Look-ups of a price in the cache", "result")
_CACHED = _OWN.gauge("solquote_external_quote_cached_quotes", "Quotes in the cache, whatever their age")
_STALE = _OWN.gauge("solquote_external_quote_stale_quotes", "Those of them that are stale")
_EVIDENCE = _OWN.gauge("solquote_external_quote_evidence_bytes", "Answers as they came, to explain quotes by")
_FETCHES = _OWN.gauge("solquote_external_quote_open_fetches", "Requests to providers under way")
_WANTED = _OWN.gauge("solquote_external_quote_wanted_rows", "Rows that streams want kept young")
_STREAMS = _OWN.gauge("solquote_external_quote_subscribers", "Streams open")
_SHARED = _OWN.counter(
    "solquote_external_quote_shared_answers_total",
    "Answers from the shared cache: of other processes, or such as cannot be and were refused",
    "result",
)
_INTERVAL = _OWN.histogram(
    "solquote_external_quote_refresh_interval_seconds", "Between two refreshes of the same row that streams want"
)

CATALOGUES: Final = (PROCESS_METRICS, WORK_METRICS, GRPC_METRICS, SHARED_CACHE_METRICS, _OWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalQuoteParts:
    """What is looked at."""

    quoter: ProviderQuoter
    cache: SplitCache
    shared: SharedQuotes
    answers: AnswersKept
    demand: StreamDemand
    refresher: QuoteRefresher


def external_quote_source(parts: ExternalQuoteParts) -> MetricSource:
    """Everything but calls and work."""
    return MetricSource(_OWN, lambda: _samples(parts))


def _samples(parts: ExternalQuoteParts) -> Iterator[Sample]:
    for guard in parts.quoter.guards:
        yield from _provider(guard)
    yield _LOOKUPS.of(parts.cache.hit_count, "hit")
    yield _LOOKUPS.of(parts.cache.miss_count, "miss")
    yield _SHARED.of(parts.shared.adopted_count, "adopted")
    yield _SHARED.of(parts.shared.refused_count, "refused")
    yield _CACHED.of(len(parts.cache))
    yield _STALE.of(parts.cache.stale_count)
    yield _EVIDENCE.of(parts.answers.byte_count)
    yield _FETCHES.of(parts.quoter.fetch_count)
    yield _WANTED.of(len(parts.demand.wanted()))
    yield _STREAMS.of(len(parts.demand.subscriptions))
    yield _INTERVAL.of(parts.refresher.interval_s)


def _provider(guard: ProviderGuard) -> Iterator[Sample]:
    report = guard.report()
    yield _REQUESTS.of(guard.answer_count - guard.unreadable_count, guard.name, "answered")
    yield _REQUESTS.of(guard.unreadable_count, guard.name, "unreadable")
    yield _REQUESTS.of(guard.unanswered_count, guard.name, "unanswered")
    yield _TOOK.of(guard.took_s, guard.name)
    yield _SUCCESS.of(report.window.uptime, guard.name)
    for state in BreakerState:
        yield _BREAKER.of(report.breaker is state, guard.name, state.name.lower())
    yield _TOKENS.of(report.tokens_available, guard.name)
    yield _PAUSE.of(report.paused_ms / 1_000, guard.name)
