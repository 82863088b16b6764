import pytest

from quote_core.telemetry.histogram import CALL_BOUNDS_S, INTERVAL_BOUNDS_S, TO_FILL_BOUNDS_S, Histogram


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
