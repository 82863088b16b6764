import random

import pytest
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from quote_core.quote_id import EXTERNAL, LOCAL
from quote_core.telemetry.quote_ids import QUOTE, WRITE, QuoteIds, span_id_of

COUNT = 20_000


def quotes(seed: int = 1) -> list[tuple[int, int, int]]:
    """As a ladder has them: a few routes, round inputs, outputs close together."""
    drawn = random.Random(seed)
    routes = [drawn.getrandbits(64) for _ in range(20)]
    return [
        (drawn.choice(routes), 10**9 * drawn.randint(1, 40), 81_000_000 + drawn.randint(0, 100_000))
        for _ in range(COUNT)
    ]


def test_two_processes_of_a_run_give_a_quote_the_same_ids():
    here, there = (QuoteIds(run_id="recorded-1", ratio=1.0) for _ in range(2))
    trace_id = here.sampled(LOCAL, 7, 10**9, 81_000_000)
    assert trace_id is not None
    context = there.written(LOCAL, 7, 10**9, 81_000_000)
    assert context.trace_id == trace_id.to_bytes(16)
    assert context.span_id == span_id_of(trace_id, WRITE).to_bytes(8)
    assert context.flags == 1
    assert span_id_of(trace_id, WRITE) != span_id_of(trace_id, QUOTE)


def test_the_ids_are_those_that_the_module_describes():
    """Fixed numbers: whoever writes a scanner in another language works them out likewise."""
    assert QuoteIds(run_id="recorded-1", ratio=1.0).sampled(LOCAL, 7, 10**9, 81_000_000) == (
        0x7B3D9F79874F1DEB7CCB066860629728
    )


def test_another_run_source_route_or_amount_is_another_trace():
    ids, other_run = QuoteIds(run_id="a", ratio=1.0), QuoteIds(run_id="b", ratio=1.0)
    found = [
        ids.sampled(LOCAL, 7, 1, 2),
        other_run.sampled(LOCAL, 7, 1, 2),
        ids.sampled(EXTERNAL, 7, 1, 2),
        ids.sampled(LOCAL, 8, 1, 2),
        ids.sampled(LOCAL, 7, 2, 2),
        ids.sampled(LOCAL, 7, 1, 3),
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.25, 1.0])
def test_as_many_are_sampled_as_were_asked_for_and_opentelemetry_agrees_on_each(ratio: float):
    ids, theirs = QuoteIds(run_id="", ratio=ratio), TraceIdRatioBased(ratio)
    sampled_count = 0
    for quote in quotes():
        trace_id, context = ids.sampled(LOCAL, *quote), ids.written(LOCAL, *quote)
        decision = theirs.should_sample(None, int.from_bytes(context.trace_id), "").decision
        assert (trace_id is not None) == bool(context.flags) == (decision is Decision.RECORD_AND_SAMPLE)
        sampled_count += bool(context.flags)
    assert sampled_count == pytest.approx(ratio * COUNT, abs=5 * (ratio * (1 - ratio) * COUNT) ** 0.5)
