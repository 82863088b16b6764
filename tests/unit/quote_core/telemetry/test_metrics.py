"""What a page says, read as Prometheus reads it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fakes.metrics_pages import families_of
from prometheus_client.openmetrics import parser as openmetrics

from quote_core.telemetry.histogram import Exemplar, Histogram
from quote_core.telemetry.metrics import PAGE_AGE_S_MAX, Catalogue, MetricFamily, MetricSource, MetricsPage, Sample


@dataclass(frozen=True)
class Settings:
    section: str = "sample"
    metrics_port: int = 0


CATALOGUE = Catalogue("Sample")
SEEN = CATALOGUE.counter("solquote_sample_seen_total", "Seen", "kind")
HELD = CATALOGUE.gauge("solquote_sample_held", "Held")
TOOK = CATALOGUE.histogram("solquote_sample_took_seconds", "Took")


def told(*samples: Sample) -> dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]]:
    page = MetricsPage(Settings(), MetricSource(CATALOGUE, lambda: samples)).text()[0].decode()
    return {
        family: {(name, tuple(sorted(labels))): value for (name, labels), value in values.items()}
        for family, values in families_of(page).items()
    }


def test_values_are_those_of_the_moment_of_the_scrape():
    count = 0

    def read() -> Iterator[Sample]:
        yield SEEN.of(count, "some")

    page = MetricsPage(Settings(), MetricSource(CATALOGUE, read))
    assert b'solquote_sample_seen_total{kind="some"} 0.0' in page.text()[0]
    count = 7
    assert b'solquote_sample_seen_total{kind="some"} 7.0' in page.text()[0]


def test_whoever_asks_often_gets_the_page_that_was_made(monkeypatch: pytest.MonkeyPatch):
    now_s, looks = 100.0, 0

    def read() -> Iterator[Sample]:
        nonlocal looks
        looks += 1
        yield SEEN.of(looks, "some")

    monkeypatch.setattr("time.monotonic", lambda: now_s)
    page = MetricsPage(Settings(), MetricSource(CATALOGUE, read))
    first = page.recent()
    now_s += PAGE_AGE_S_MAX / 2
    assert (page.recent(), looks) == (first, 1)
    now_s += PAGE_AGE_S_MAX / 2
    assert b'{kind="some"} 2.0' in page.recent()[0]


def test_a_family_without_a_value_is_named_nevertheless():
    families = told(HELD.of(True))
    assert families["solquote_sample_held"] == {("solquote_sample_held", ()): 1.0}
    assert families["solquote_sample_seen_total"] == {}
    assert families["solquote_sample_took_seconds"] == {}


def test_a_histogram_is_told_cumulated_with_count_and_sum():
    took_s = Histogram((0.01, 0.1))
    for value in (0.005, 0.05, 0.06, 3.0):
        took_s.observe(value)
    name = "solquote_sample_took_seconds"
    assert told(TOOK.of(took_s))[name] == {
        (f"{name}_bucket", (("le", "0.01"),)): 1,
        (f"{name}_bucket", (("le", "0.1"),)): 3,
        (f"{name}_bucket", (("le", "+Inf"),)): 4,
        (f"{name}_count", ()): 4,
        (f"{name}_sum", ()): pytest.approx(3.115),
    }


def test_the_process_itself_is_on_every_page():
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "python_gc_collections_total"} <= set(told())


def test_what_is_not_declared_cannot_be_told():
    stranger = MetricFamily("solquote_stranger", HELD.kind, "Strange")
    with pytest.raises(KeyError):
        told(stranger.of(1))


def test_a_family_is_declared_once_a_page():
    page = MetricsPage(Settings(), MetricSource(CATALOGUE, lambda: ()))
    page.add(MetricSource(CATALOGUE, lambda: ()))
    with pytest.raises(AssertionError, match="told twice"):
        families_of(page.text()[0].decode())


def test_a_scraper_that_prefers_openmetrics_is_told_which_trace_a_value_is_of():
    histogram = Histogram((1.0, 2.0))
    histogram.observe(0.5)
    histogram.observe(1.5)
    histogram.exemplars[1] = Exemplar(1.5, "ab" * 16, "cd" * 8, 1_700_000_000.0)
    page = MetricsPage(Settings(), MetricSource(CATALOGUE, lambda: [TOOK.of(histogram), SEEN.of(3, "some")]))
    plain, plain_type = page.recent("text/plain")
    text, content_type = page.recent("application/openmetrics-text;version=1.0.0,text/plain;q=0.3")
    assert plain_type.startswith("text/plain")
    assert b"trace_id" not in plain
    assert content_type.startswith("application/openmetrics-text")
    families = {family.name: family for family in openmetrics.text_string_to_metric_families(text.decode())}
    exemplars = {
        sample.labels["le"]: sample.exemplar
        for sample in families["solquote_sample_took_seconds"].samples
        if sample.exemplar is not None
    }
    assert list(exemplars) == ["2.0"]
    assert exemplars["2.0"].labels == {"trace_id": "ab" * 16, "span_id": "cd" * 8}
    assert exemplars["2.0"].value == 1.5
    assert families["solquote_sample_seen"].samples[0].value == 3
