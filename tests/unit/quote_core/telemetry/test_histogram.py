import pytest
from fakes.traced import traced

from quote_core.events import Trace
from quote_core.telemetry.histogram import CALL_BOUNDS_S, INTERVAL_BOUNDS_S, TO_FILL_BOUNDS_S, Histogram
from quote_core.telemetry.traces import creating


def test_a_value_counts_at_the_first_bound_that_it_does_not_exceed():
    histogram = Histogram((1.0, 2.0, 5.0))
    for value in (0.5, 1.0, 1.5, 5.0, 7.0):
        histogram.observe(value)
    assert histogram.counts == [2, 1, 1, 1]
    assert (histogram.count, histogram.total) == (5, 15.0)


@pytest.mark.parametrize("bounds", [CALL_BOUNDS_S, INTERVAL_BOUNDS_S, TO_FILL_BOUNDS_S])
def test_bounds_ascend_and_are_few(bounds: tuple[float, ...]):
    assert list(bounds) == sorted(set(bounds))
    assert len(bounds) <= 12


def test_a_value_of_a_sampled_span_is_its_bounds_exemplar():
    histogram = Histogram((1.0, 2.0))
    histogram.observe_traced(0.5)
    with traced(), creating("plan.SOL-USDC", parent=Trace(trace_id=b"t" * 16, span_id=b"s" * 8, flags=1)):
        histogram.observe_traced(1.25)
        histogram.observe_traced(1.5)
    assert histogram.counts == [1, 2, 0]
    assert {place: (one.value, one.trace_id) for place, one in histogram.exemplars.items()} == {
        1: (1.5, (b"t" * 16).hex())
    }
