"""What is told of quotes is what their confidences say."""

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, TOKENS, S, held, judge, oracle
from fakes.quote_files import quote_files

from aggregator.confidence import Decision, Factors, decide
from aggregator.held import Refusal
from aggregator.metrics import held_samples, written_samples
from aggregator.table import QuoteTable
from quote_core.telemetry.histogram import Histogram
from quote_core.telemetry.metrics import Sample
from quote_core.units import BPS


def told(samples: list[Sample]) -> dict[tuple[str, ...], float]:
    return {
        (sample.family.name.removeprefix("solquote_aggregator_"), *sample.labels[1:]): sample.value
        for sample in samples
        if not isinstance(sample.value, Histogram)
    }


def test_decisions_are_those_of_the_confidence_as_it_was_written():
    written = (0, 4_999, 5_000, 6_999, 7_000, 8_999, 9_000, BPS)
    counts = [0] * (BPS + 1)
    for bps in written:
        counts[bps] += 1
    samples = list(written_samples("local", counts))
    decisions = [decide(bps / BPS) for bps in written]
    assert told(samples) == {
        ("decisions_total", decision.name.lower()): decisions.count(decision) for decision in Decision
    }
    (confidence,) = (sample.value for sample in samples if isinstance(sample.value, Histogram))
    assert confidence.count == len(written)
    assert confidence.total == pytest.approx(sum(written) / BPS)
    assert confidence.counts == [1, 0, 0, 0, 2, 0, 2, 0, 2, 1, 0]


def test_of_what_is_held_the_factors_add_up_to_the_mean_score():
    clock = FakeClock()
    with quote_files() as files:
        table = QuoteTable(tokens=TOKENS, clock=clock, judge=judge(oracle(clock)), local_file=files.local)
        table.row_added(0, KEY)
        table.row_added(1, KEY)
        table.take([held(clock=clock, age_ns=2 * S, price_impact_fraction=0.02)])
        table.take([held(100_000_000, row=1, clock=clock, age_ns=4 * S)])
        scores = [table.merged(row).local_confidence for row in (0, 1)]
        table.take([held(row=1, clock=clock, age_ns=4 * S, refusal=Refusal("NOT_FOUND", "no pool"))])
        values = told(list(held_samples("local", table.totals(files.local))))
    first, second = scores
    assert first is not None
    assert second is not None
    assert values["held_quotes", "fresh"] == values["held_quotes", "stale"] == 1
    assert values["quote_age_max_seconds",] == 4
    assert second.factors.oracle == 0.0
    assert values["confidence_contribution_ratio", "oracle"] == pytest.approx(0.3 * first.factors.oracle / 2)
    factors = [values["confidence_contribution_ratio", factor] for factor in Factors._fields]
    assert sum(factors) == pytest.approx((first.score + second.score) / 2)
    assert values["capped_quotes", "price_impact"] == 1
    assert values["capped_quotes", "oracle_deviation"] == 1
    assert values["capped_quotes", "stale"] == 0


def test_before_the_first_quote_there_is_no_age_and_no_factor():
    with quote_files() as files:
        table = QuoteTable(tokens=TOKENS, clock=FakeClock(), judge=judge(), local_file=files.local)
        samples = list(held_samples("local", table.totals(files.local)))
    assert {name for name, *_ in told(samples)} == {"held_quotes", "capped_quotes"}
