"""Quotes written to shared memory as spans."""

from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, TOKENS, held, judge, oracle, written
from fakes.quote_files import quote_files
from fakes.traced import RUN_ID, parent_of, traced
from fakes.waiting import eventually

from aggregator.held import Refusal, Source
from aggregator.shm_publisher import ShmPublisher
from aggregator.spans import WrittenSpans
from aggregator.table import QuoteTable
from quote_core.quote_id import EXTERNAL, LOCAL
from quote_core.telemetry.quote_ids import QUOTE, WRITE, QuoteIds, span_id_of
from quote_core.telemetry.traces import tracer


async def test_a_written_quote_goes_on_below_the_local_one_and_an_external_one_begins_its_trace():
    clock = FakeClock()
    local, external = held(), held(139_000_000, source=Source.EXTERNAL, row=1)
    with traced() as spans:
        in_use = tracer()
        assert in_use is not None
        WrittenSpans(in_use, clock).written([written(local), written(external)], clock.unix_ns())
        await eventually(lambda: len(spans.named(WRITE)) == 2)
    ids = QuoteIds(run_id=RUN_ID, ratio=1.0)
    of_local, of_external = (
        ids.sampled(source, quote.route_id, quote.key.input_amount, quote.output_amount)
        for source, quote in ((LOCAL, local), (EXTERNAL, external))
    )
    assert of_local is not None
    by_trace = {span.context.trace_id: span for span in spans.named(WRITE)}
    assert set(by_trace) == {of_local, of_external}
    assert parent_of(by_trace[of_local]) == span_id_of(of_local, QUOTE)
    assert parent_of(by_trace[of_external or 0]) == 0


async def test_of_quotes_that_are_not_sampled_and_of_stale_ones_nothing_is_told():
    clock = FakeClock()
    with traced(ratio=0.0) as none_sampled:
        in_use = tracer()
        assert in_use is not None
        WrittenSpans(in_use, clock).written([written(held())], clock.unix_ns())
        with traced() as spans, quote_files() as files:
            in_use = tracer()
            assert in_use is not None
            writer = files.writers[Source.LOCAL].writer
            file = ShmPublisher(writer, ttl_slots=7, spans=WrittenSpans(in_use, clock))
            table = QuoteTable(tokens=TOKENS, clock=clock, judge=judge(oracle(clock)), local_file=file)
            for row in range(3):
                table.row_added(row, KEY)
            table.take([held(is_stale=True), held(row=1, refusal=Refusal("NOT_FOUND", "no pool"))])
            fresh = held(7, row=2)
            for _ in range(2):
                table.take([fresh])  # a confirmation is no other quote
            await eventually(lambda: bool(spans.named(WRITE)))
            confidence = table.merged(2).local_confidence
    (span,) = spans.named(WRITE)
    assert none_sampled.exporter.get_finished_spans() == ()
    assert confidence is not None
    assert span.attributes == {
        "solquote.source": "local",
        "solquote.row": 2,
        "solquote.confidence": confidence.capped_score,
        "solquote.slot": fresh.freshness.vouched_slot,
        "solquote.version": fresh.version,
    }
