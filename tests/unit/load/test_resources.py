import pytest
from load.resources import Resources, Sample

_MB = 1_000_000


def test_growth_is_from_after_warming_up_to_the_end():
    memory = [50] * 20 + [100] * 40 + [110] * 40
    resources = Resources({"aggregator": [Sample(at, mb * _MB, 30 + at // 50) for at, mb in enumerate(memory)]})
    assert resources.memory_growth_percent()["aggregator"] == pytest.approx(10)
    assert resources.descriptor_growth() == {"aggregator": 1}


def test_nothing_measured_is_no_growth():
    assert Resources().memory_growth_percent() == {}
