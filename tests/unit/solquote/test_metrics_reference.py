"""docs/metrics.md is what the processes declare, and what they declare is as Prometheus has it."""

import re
from collections import Counter
from pathlib import Path

import pytest

from quote_core.telemetry.metrics import Catalogue, MetricFamily, MetricKind
from solquote.metrics_reference import catalogues_of, metrics_reference, names_of
from solquote.processes import SERVICES

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
CATALOGUES: dict[Catalogue, None] = {catalogue: None for service in SERVICES for catalogue in catalogues_of(service)}
FAMILIES = [family for catalogue in CATALOGUES for family in catalogue.families]
UNITS_THAT_ARE_NOT_BASE = ("_ms", "_ns", "_us", "_milliseconds", "_pct", "_percent", "_bps", "_kb", "_mb", "_minutes")


def test_the_page_is_made_from_the_code():
    assert PAGE.read_text() == metrics_reference().rstrip() + "\n"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_name_is_as_prometheus_has_it(family: MetricFamily):
    assert re.fullmatch(r"solquote_[a-z][a-z_]*[a-z]", family.name)
    assert family.name.endswith("_total") is (family.kind is MetricKind.COUNTER)
    assert not family.name.removesuffix("_total").endswith(UNITS_THAT_ARE_NOT_BASE)
    assert (family.kind is not MetricKind.HISTOGRAM) or family.name.endswith(("_seconds", "_ratio"))
    assert all(re.fullmatch(r"[a-z]+", label) and label != "le" for label in family.labels)
    assert family.meaning[0].isupper() or family.meaning[0].isdigit()
    assert not family.meaning.endswith(".")


def test_no_name_has_two_meanings():
    assert [name for name, count in Counter(family.name for family in FAMILIES).items() if count > 1] == []


def test_every_process_tells_of_itself_and_more():
    for service in SERVICES:
        assert {"solquote_build_info", "solquote_event_loop_lag_seconds"} < names_of(service)
