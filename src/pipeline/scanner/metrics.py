"""What the scanner tells Prometheus; its reader of shared memory tells its own."""

from collections.abc import Callable, Iterator
from typing import Final

from pipeline.scanner.book import Book
from pipeline.scanner.loop import FINDINGS, ScanCounts, Scanner
from pipeline.scanner.partition import Partition
from pipeline.scanner.turn import TurnToTell
from pipeline.trading_gate.metrics import GATE_METRICS
from quote_core.bus.metrics import BUS_METRICS
from quote_core.process import PROCESS_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.work_metrics import WORK_METRICS

__all__ = ["CATALOGUES", "scanner_source"]

_OWN: Final = Catalogue("Scanner")
_ROWS = _OWN.gauge("solquote_scanner_rows", "Rows of shared memory that are watched")
_CHANGES = _OWN.counter("solquote_scanner_changes_total", "Changed rows taken from shared memory")
_LOOKED = _OWN.counter(
    "solquote_scanner_pairs_total",
    "Pairs that changed: looked at, or not because trading is stopped, or because another scanner has them",
    "outcome",
)
_WATCHED_CYCLES = _OWN.gauge("solquote_scanner_watched_cycles", "Cycles of three legs and more over the pairs watched")
_CYCLES = _OWN.counter(
    "solquote_scanner_cycles_total",
    "Cycles that changed: ruled out by their best rates, or searched for the size that gains most",
    "outcome",
)
_DEFERRED = _OWN.counter(
    "solquote_scanner_deferred_total",
    "Pairs and cycles that had to wait for the next turn, once each turn, because looking took too long",
)
_ROUTED = _OWN.counter(
    "solquote_scanner_routed_rows_total",
    "Changed rows that are no leg of a trip because they lead through several pools",
)
_HOLDS = _OWN.gauge(
    "solquote_scanner_partition_held", "1 while this scanner tells of what it finds, 0 while it stands by", "partition"
)
_OPPORTUNITIES = _OWN.counter("solquote_scanner_opportunities_total", "Findings published", "kind")
_LEFT_OUT = _OWN.counter(
    "solquote_scanner_left_out_findings_total",
    "Findings not published: implausible, torn (its quotes changed meanwhile), repeated (the same trip was told of "
    "lately), or dropped (the bus did not take it)",
    "reason",
)

CATALOGUES: Final = (PROCESS_METRICS, WORK_METRICS, BUS_METRICS, GATE_METRICS, _OWN)


def scanner_source(
    book: Book, partition: Partition, turn: TurnToTell, scanner: Callable[[], Scanner | None]
) -> MetricSource:
    """What it has seen; the counts are there once it scans."""
    return MetricSource(_OWN, lambda: _samples(book, partition, turn, scanner()))


def _samples(book: Book, partition: Partition, turn: TurnToTell, scanner: Scanner | None) -> Iterator[Sample]:
    counts = scanner.counts if scanner else ScanCounts()
    yield _ROWS.of(book.row_count)
    yield _WATCHED_CYCLES.of(book.cycle_count)
    yield _HOLDS.of(turn.is_held, str(partition))
    yield _CHANGES.of(counts.changes)
    yield _ROUTED.of(book.routed_count)
    yield _LOOKED.of(counts.looked_at, "looked_at")
    yield _LOOKED.of(counts.gated, "gated")
    yield _LOOKED.of(counts.stood_by, "stood_by")
    yield _CYCLES.of(counts.ruled_out, "ruled_out")
    yield _CYCLES.of(counts.searched, "searched")
    yield _DEFERRED.of(counts.deferred)
    for kind, name in FINDINGS.items():
        yield _OPPORTUNITIES.of(counts.by_kind[kind], name)
    yield _LEFT_OUT.of(counts.implausible, "implausible")
    yield _LEFT_OUT.of(counts.torn, "torn")
    yield _LEFT_OUT.of(scanner.findings.repeated_count if scanner else 0, "repeated")
    yield _LEFT_OUT.of(counts.dropped, "dropped")
