"""Quotes written to shared memory as spans."""

from fakes.fake_clock import FakeClock
from fakes.held_quotes import held, scored
from fakes.traced import RUN_ID, parent_of, traced
from fakes.waiting import eventually

from aggregator.held import Source
from aggregator.spans import WrittenSpans
from quote_core.telemetry.quote_ids import EXTERNAL, LOCAL, QUOTE, WRITE, QuoteIds, span_id_of
from quote_core.telemetry.traces import tracer


async def test_a_written_quote_goes_on_below_the_local_one_and_an_external_one_begins_its_trace():
    clock = FakeClock()
    local, external = held(), held(139_000_000, source=Source.EXTERNAL, row=1)
    with traced() as spans:
        in_use = tracer()
        assert in_use is not None
        WrittenSpans(in_use, clock).written([scored(local), scored(external)], clock.unix_ns())
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
        WrittenSpans(in_use, clock).written([scored(held())], clock.unix_ns())
        with traced() as spans:
            in_use = tracer()
            assert in_use is not None
            writing = WrittenSpans(in_use, clock)
            writing.written([scored(held(is_stale=True))], clock.unix_ns())
            writing.written([scored(held(7))], clock.unix_ns())
            await eventually(lambda: bool(spans.named(WRITE)))
    assert len(spans.named(WRITE)) == 1
    assert none_sampled.exporter.get_finished_spans() == ()
