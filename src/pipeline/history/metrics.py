"""What the auditor tells Prometheus of the history it writes."""

from collections.abc import Iterator
from typing import Final

from pipeline.history.writing import HistoryWriting
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample

__all__ = ["HISTORY_METRICS", "history_source"]

HISTORY_METRICS: Final = Catalogue("History")
_UNWRITTEN = HISTORY_METRICS.gauge(
    "solquote_history_unwritten_seconds", "For how long the database cannot be written, or catches up after; 0 = it can"
)
_WHOLE = HISTORY_METRICS.gauge(
    "solquote_history_whole", "1 once all that the streams kept at the start of the writing is in the database"
)
_LAG = HISTORY_METRICS.gauge(
    "solquote_history_lag_messages", "How many the stream kept behind the message written last", "stream"
)
_MESSAGES = HISTORY_METRICS.counter("solquote_history_messages_total", "Messages written")
_TRADES = HISTORY_METRICS.counter("solquote_history_trades_total", "Trades written")
_REPEATED = HISTORY_METRICS.counter("solquote_history_repeated_total", "Results of plans that had one; the first holds")
_MALFORMED = HISTORY_METRICS.counter("solquote_history_malformed_total", "Messages that are no event, kept as bytes")
_PRUNED = HISTORY_METRICS.counter(
    "solquote_history_pruned_total", "Rows deleted because the settings keep no older ones"
)
_FAILURES = HISTORY_METRICS.counter("solquote_history_failures_total", "How often the database could not be written")


def history_source(writing: HistoryWriting | None) -> MetricSource:
    """The history; nothing where the settings want none."""
    return MetricSource(HISTORY_METRICS, lambda: iter(()) if writing is None else _samples(writing))


def _samples(writing: HistoryWriting) -> Iterator[Sample]:
    yield _UNWRITTEN.of(writing.unwritten_s)
    yield _WHOLE.of(writing.is_whole)
    for stream, count in writing.remaining.items():
        yield _LAG.of(count, stream)
    yield _MESSAGES.of(writing.message_count)
    yield _TRADES.of(writing.trade_count)
    yield _REPEATED.of(writing.repeated_count)
    yield _MALFORMED.of(writing.malformed_count)
    yield _PRUNED.of(writing.pruned_count)
    yield _FAILURES.of(writing.failure_count)
