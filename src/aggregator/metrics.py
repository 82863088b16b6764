"""What the aggregator tells Prometheus: its sources, what they are worth, and what goes to shared memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final

from aggregator.confidence import WEIGHTS, CapReason, Decision, Factors, decide
from aggregator.fanout import Fanout
from aggregator.held import HeldTotals, Source
from aggregator.intake import Intake
from aggregator.oracle import OracleFollower
from aggregator.routes import Routes
from aggregator.rows import RowRegistry
from aggregator.shm_publisher import ShmPublisher
from aggregator.table import QuoteTable
from aggregator.upstream import Upstream
from quote_core.process import PROCESS_METRICS
from quote_core.serving import Subscriptions
from quote_core.serving.metrics import GRPC_METRICS, HTTP_METRICS
from quote_core.telemetry.histogram import Histogram
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.units import BPS, NS_PER_S
from quote_core.work_metrics import WORK_METRICS
from shm import QuoteWriter

__all__ = ["CATALOGUES", "AggregatorParts", "aggregator_source", "held_samples", "written_samples"]

_OWN: Final = Catalogue("Aggregator")
_ROWS = _OWN.gauge("solquote_aggregator_rows", "Rows in use: a pair, a direction and an amount each")
_ROUTES = _OWN.gauge("solquote_aggregator_routes", "Routes that can be looked up by their number")
_SUBSCRIBERS = _OWN.gauge("solquote_aggregator_subscribers", "Streams open")
_CONFLATED = _OWN.counter(
    "solquote_aggregator_conflated_changes_total", "Changes never told to a slow subscriber: a newer one came first"
)
_LEFT = _OWN.gauge(
    "solquote_aggregator_left_requests", "Requests to the external service that nobody waits for any more"
)
_ORACLE_FAILURES = _OWN.counter("solquote_aggregator_oracle_failures_total", "Reads of the oracle without an answer")
_MISDIRECTED = _OWN.counter("solquote_aggregator_misdirected_quotes_total", "Answers for rows that were given away")
_POOL_TO_SHM = _OWN.histogram(
    "solquote_aggregator_pool_update_to_shm_seconds",
    "From the arrival of a pool's account update to its quotes in shared memory",
)

_UP = _OWN.gauge("solquote_aggregator_source_up", "1 while the stream of a quote service delivers", "source")
_RECONNECTS = _OWN.counter("solquote_aggregator_source_reconnects_total", "Ends of its stream", "source")
_QUOTES = _OWN.counter("solquote_aggregator_quotes_total", "Answers taken, refusals included", "source")
_IMPOSSIBLE = _OWN.counter("solquote_aggregator_impossible_quotes_total", "Answers that no quote can be", "source")
_HELD = _OWN.gauge(
    "solquote_aggregator_held_quotes", "Quotes in shared memory, by whether they are stale", "source", "state"
)
_AGE = _OWN.gauge("solquote_aggregator_quote_age_max_seconds", "Since the oldest of them was vouched for", "source")

_CONFIDENCE = _OWN.histogram(
    "solquote_aggregator_confidence_ratio", "Confidence of each quote written, caps included", "source"
)
_DECISIONS = _OWN.counter(
    "solquote_aggregator_decisions_total", "Quotes written, by what their confidence allows", "source", "decision"
)
_CONTRIBUTION = _OWN.gauge(
    "solquote_aggregator_confidence_contribution_ratio",
    "What a factor, weighted, adds to the confidence of the quotes held, on average; all five make the mean score",
    "source",
    "factor",
)
_CAPPED = _OWN.gauge(
    "solquote_aggregator_capped_quotes", "Quotes held that a cap limits, by its reason", "source", "reason"
)

_SHM_WRITES = _OWN.counter("solquote_shm_writes_total", "Entries written", "file")
_SHM_REFUSALS = _OWN.counter("solquote_shm_refused_quotes_total", "Quotes not written: nobody vouched for them", "file")
_SHM_WAITING = _OWN.gauge(
    "solquote_shm_waiting_confirmations", "Entries whose new time is to be written with one of the next beats", "file"
)
_SHM_USED = _OWN.gauge("solquote_shm_used_entries", "Entries in use", "file")
_SHM_ENTRIES = _OWN.gauge("solquote_shm_entries", "Entries the file has: SOLQUOTE_SHM_ENTRY_COUNT", "file")
_SHM_ANNOUNCED = _OWN.counter(
    "solquote_shm_ring_announcements_total",
    "Changes announced on the ring: who lets more than SOLQUOTE_SHM_SLOT_COUNT pass between two polls is lapped",
    "file",
)

CATALOGUES: Final = (PROCESS_METRICS, WORK_METRICS, GRPC_METRICS, HTTP_METRICS, _OWN)

_BUCKETS_BPS: Final = range(1_000, BPS + 1, 1_000)
_DECISION_BY_BPS: Final = tuple(decide(bps / BPS) for bps in range(BPS + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorParts:
    """What is looked at."""

    rows: RowRegistry
    table: QuoteTable
    routes: Routes
    subscriptions: Subscriptions[int, bytes]
    intake: Intake
    fanout: Fanout
    oracle: OracleFollower
    streams: Mapping[Source, Upstream]
    publishers: Mapping[Source, ShmPublisher]
    writers: Mapping[Source, QuoteWriter]


def aggregator_source(parts: AggregatorParts) -> MetricSource:
    """Everything but calls and work."""
    return MetricSource(_OWN, lambda: _samples(parts))


def _samples(parts: AggregatorParts) -> Iterator[Sample]:
    yield _ROWS.of(len(parts.rows))
    yield _ROUTES.of(len(parts.routes))
    yield _SUBSCRIBERS.of(len(parts.subscriptions))
    yield _CONFLATED.of(parts.subscriptions.conflated_count)
    yield _LEFT.of(parts.fanout.left_count)
    yield _ORACLE_FAILURES.of(parts.oracle.failure_count)
    yield _MISDIRECTED.of(parts.table.misdirected_count)
    yield _POOL_TO_SHM.of(parts.intake.pool_to_shm_s)
    for source in Source:
        name, publisher = source.name.lower(), parts.publishers[source]
        yield _UP.of(parts.streams[source].is_delivering.is_set(), name)
        yield _RECONNECTS.of(parts.streams[source].reconnect_count, name)
        yield _QUOTES.of(parts.intake.quote_counts[source], name)
        yield _IMPOSSIBLE.of(parts.intake.impossible_counts[source], name)
        yield from written_samples(name, publisher.counts_by_confidence_bps)
        yield from held_samples(name, parts.table.totals(publisher))
        yield from _files(publisher, parts.writers[source])


def written_samples(source: str, counts_by_bps: Sequence[int]) -> Iterator[Sample]:
    """Confidence and decisions of all that was written, from how many had each confidence, in basis points."""
    confidence = Histogram([bound / BPS for bound in _BUCKETS_BPS])
    below = 0
    for place, bound in enumerate(_BUCKETS_BPS):
        confidence.counts[place] = sum(counts_by_bps[below : bound + 1])
        below = bound + 1
    confidence.total = sum(map(mul, counts_by_bps, range(BPS + 1))) / BPS
    yield _CONFIDENCE.of(confidence, source)
    for decision in Decision:
        first = _DECISION_BY_BPS.index(decision)
        count = sum(counts_by_bps[first : first + _DECISION_BY_BPS.count(decision)])
        yield _DECISIONS.of(count, source, decision.name.lower())


def held_samples(source: str, held: HeldTotals) -> Iterator[Sample]:
    """Age, factors and caps of what is held, as it was scored when it was written."""
    yield _HELD.of(held.fresh_count, source, "fresh")
    yield _HELD.of(held.stale_count, source, "stale")
    count = held.fresh_count + held.stale_count
    if count:
        yield _AGE.of(held.age_ns_max / NS_PER_S, source)
        for factor, weight, total in zip(Factors._fields, WEIGHTS, held.factor_sums, strict=True):
            yield _CONTRIBUTION.of(weight * total / count, source, factor)
    for reason, capped_count in zip(CapReason, held.cap_counts, strict=True):
        yield _CAPPED.of(capped_count, source, reason.name.lower())


def _files(publisher: ShmPublisher, writer: QuoteWriter) -> Iterator[Sample]:
    file = writer.role.name.lower()
    yield _SHM_WRITES.of(publisher.published_count, file)
    yield _SHM_REFUSALS.of(publisher.refused_count, file)
    yield _SHM_WAITING.of(publisher.waiting_count, file)
    if writer.is_open():
        yield _SHM_USED.of(writer.used, file)
        yield _SHM_ENTRIES.of(writer.counts.entries, file)
        yield _SHM_ANNOUNCED.of(writer.announced_count, file)
