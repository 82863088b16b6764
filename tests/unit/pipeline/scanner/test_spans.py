"""Which trace a finding belongs to."""

from fakes.fake_clock import FakeClock
from fakes.pipeline_events import opportunity
from fakes.traced import RUN_ID, parent_of, traced

from pipeline.scanner.detect import Leg
from pipeline.scanner.findings import MarketFinding
from pipeline.scanner.spans import in_trace
from quote_core.quote_id import EXTERNAL, LOCAL
from quote_core.telemetry.quote_ids import QuoteIds
from shm import ENTRY_COUNT

IDS = QuoteIds(run_id=RUN_ID, ratio=1.0)


def leg(row: int) -> Leg:
    return Leg(
        row=row,
        version=2,
        input_amount=1_000 + row,
        output_amount=2_000,
        vouched_unix_ns=1,
        route_id=7,
        slot=400,
        confidence_bps=9_000,
        price_impact_ppm=1,
        oracle_price=None,
    )


FINDING = MarketFinding(opportunity(clock=FakeClock()), (leg(3), leg(ENTRY_COUNT + 5)), "SOL-USDC", 1)
THERE = IDS.written(LOCAL, 7, 1_003, 2_000)
BACK = IDS.written(EXTERNAL, 7, 1_005 + ENTRY_COUNT, 2_000)


def test_it_is_that_of_the_leg_that_changed_and_the_other_is_linked():
    for changed, cause, other in (((ENTRY_COUNT + 5,), BACK, THERE), ((3, ENTRY_COUNT + 5), THERE, BACK)):
        with traced() as spans:
            with in_trace(FINDING, changed) as event:
                pass
            span = spans.one("create opportunity")
        assert event.header.trace.trace_id == cause.trace_id
        assert event.header.trace.span_id == span.context.span_id.to_bytes(8)
        assert parent_of(span) == int.from_bytes(cause.span_id)
        assert [link.context.trace_id for link in span.links] == [int.from_bytes(other.trace_id)]
        assert event.header.event_id == FINDING.event.header.event_id


def test_one_that_is_not_sampled_says_so_to_whoever_comes_after():
    with traced(ratio=0.0) as spans:
        with in_trace(FINDING, (3,)) as event:
            pass
        assert spans.exporter.get_finished_spans() == ()
    assert (event.header.trace.trace_id, event.header.trace.flags) == (THERE.trace_id, 0)


def test_without_a_tracer_the_event_is_as_it_was_found():
    with in_trace(FINDING, (3,)) as event:
        assert event is FINDING.event
