"""What a process that shares tells Prometheus of it."""

from collections.abc import Iterator
from typing import Final

from quote_core.shared_cache.opening import OpenedCache
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample

__all__ = ["SHARED_CACHE_METRICS", "shared_cache_source"]

SHARED_CACHE_METRICS: Final = Catalogue("Shared cache; all nothing where no Redis is set")
_LOST = SHARED_CACHE_METRICS.gauge(
    "solquote_shared_cache_lost", "1 while the Redis that is set is not used; the process goes on by itself"
)
_LOSSES = SHARED_CACHE_METRICS.counter("solquote_shared_cache_losses_total", "From used to not used")
_EXCHANGES = SHARED_CACHE_METRICS.counter(
    "solquote_shared_cache_exchanges_total", "Exchanges with Redis, by what came of them", "outcome"
)
_TOOK = SHARED_CACHE_METRICS.histogram(
    "solquote_shared_cache_exchange_duration_seconds", "Until the answer, where there was one"
)
_FOREIGN = SHARED_CACHE_METRICS.counter(
    "solquote_shared_cache_foreign_total", "Keys of another type, and values that cannot be"
)
_SHARERS = SHARED_CACHE_METRICS.gauge(
    "solquote_shared_cache_sharers",
    "Processes that keep the provider's rate together, as last known, this one included",
    "provider",
)


def shared_cache_source(opened: OpenedCache) -> MetricSource:
    """What is shared, or that nothing is."""
    return MetricSource(SHARED_CACHE_METRICS, lambda: _samples(opened))


def _samples(opened: OpenedCache) -> Iterator[Sample]:
    counts = opened.cache.counts
    yield _LOST.of(opened.redis is not None and not opened.redis.is_up)
    yield _LOSSES.of(counts.lost_count)
    yield _EXCHANGES.of(counts.answered_count, "answered")
    yield _EXCHANGES.of(counts.failed_count, "failed")
    yield _EXCHANGES.of(counts.dropped_count, "not sent")
    yield _TOOK.of(counts.took_s)
    yield _FOREIGN.of(counts.foreign_count)
    for bucket in opened.buckets:
        yield _SHARERS.of(opened.cache.sharer_count(bucket), bucket.partition(":")[0])
