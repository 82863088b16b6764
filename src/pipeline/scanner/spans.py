"""The span in which a finding is created: below the writing of the quote that brought it about.

Shared memory carries no trace context; that of a quote follows from the quote (`quote_core.telemetry.quote_ids`).
"""

import contextlib
import dataclasses
from collections.abc import Collection, Iterator

from pipeline.scanner.findings import MarketEvent, MarketFinding
from pipeline.scanner.trip import Leg
from quote_core.events import Trace, subject_of
from quote_core.quote_id import EXTERNAL, LOCAL
from quote_core.telemetry import traces
from quote_core.telemetry.quote_ids import QuoteIds
from shm import Role, role_of_index

__all__ = ["in_trace"]


@contextlib.contextmanager
def in_trace(finding: MarketFinding, changed_rows: Collection[int]) -> Iterator[MarketEvent]:
    """The event of a finding, with the trace it belongs to, while it is published.

    Args:
        finding: What was found.
        changed_rows: Which rows had changed; the trace is that of the first of its legs that did, and the next one's is
            linked.
    """
    tracer = traces.tracer()
    if tracer is None:
        yield finding.event
        return
    legs = sorted(finding.legs, key=lambda leg: leg.row not in changed_rows)
    parent = _written(tracer.quotes, legs[0])
    link = _written(tracer.quotes, legs[1]) if len(legs) > 1 else None
    with traces.creating(subject_of(finding.event), parent=parent, link=link):
        header = dataclasses.replace(finding.event.header, trace=traces.created_in(parent))
        yield dataclasses.replace(finding.event, header=header)


def _written(quotes: QuoteIds, leg: Leg) -> Trace:
    source = LOCAL if role_of_index(leg.row) is Role.INTERNAL else EXTERNAL
    return quotes.written(source, leg.route_id, leg.input_amount, leg.output_amount)
