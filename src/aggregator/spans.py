"""Spans of quotes written to shared memory; told after the readers are woken.

Their ids follow from the quotes (`quote_core.telemetry.quote_ids`), so that a reader goes on below them.
"""

from collections.abc import Collection
from typing import NamedTuple

from aggregator.held import Source, WrittenQuote
from quote_core.clock import Clock
from quote_core.telemetry.afterwards import Afterwards, Told
from quote_core.telemetry.quote_ids import QUOTE, WRITE, span_id_of
from quote_core.telemetry.traces import Tracer

__all__ = ["WrittenSpans"]


class _Written(NamedTuple):
    quotes: Collection[WrittenQuote]
    began_unix_ns: int
    ended_unix_ns: int


class WrittenSpans:
    """Notes what was written, and tells it afterwards."""

    def __init__(self, tracer: Tracer, clock: Clock) -> None:
        self._tracer = tracer
        self._clock = clock
        self._told = Told()
        self._later = Afterwards(self._tell)

    def written(self, quotes: Collection[WrittenQuote], began_unix_ns: int) -> None:
        """These were put into the file from `began_unix_ns` until now."""
        if quotes:
            self._later.note(_Written(quotes, began_unix_ns, self._clock.unix_ns()))

    def _tell(self, written: _Written) -> None:
        sampled = self._tracer.quotes.sampled
        for quote in written.quotes:
            trace_id = sampled(quote.source, quote.route_id, quote.input_amount, quote.output_amount)
            if trace_id is not None and self._told.is_new(trace_id):  # a quote changes in other ways, too
                self._tracer.record(
                    WRITE,
                    trace_id=trace_id,
                    span_id=span_id_of(trace_id, WRITE),
                    parent_span_id=span_id_of(trace_id, QUOTE) if quote.source is Source.LOCAL else 0,
                    start_unix_ns=written.began_unix_ns,
                    end_unix_ns=written.ended_unix_ns,
                    attributes={
                        "solquote.source": quote.source.name.lower(),
                        "solquote.row": quote.row,
                        "solquote.confidence": quote.confidence,
                        "solquote.slot": quote.vouched_slot,
                        "solquote.version": quote.version,
                    },
                )
