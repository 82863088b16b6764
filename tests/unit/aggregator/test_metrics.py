"""What is told of quotes is what their confidences say."""

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import S, held

from aggregator.confidence import Cap, CapReason, Confidence, Decision, Factors, decide
from aggregator.metrics import held_samples, written_samples
from aggregator.selection import Scored
from quote_core.telemetry.histogram import Histogram
from quote_core.telemetry.metrics import Sample
from quote_core.units import BPS

FACTORS = Factors(pool_age=1.0, route=0.8, oracle=0.5, provider=1.0, slippage=1.0)
CAP = Cap(CapReason.PRICE_IMPACT, 0.02, 0.01, Decision.CAUTIOUS)


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
    first = Scored(held(clock=clock, age_ns=2 * S), Confidence(0.81, FACTORS, (CAP,)), 140.0)
    second = Scored(
        held(clock=clock, age_ns=5 * S, is_stale=True), Confidence(0.66, FACTORS._replace(oracle=0.0)), 140.0
    )
    values = told(list(held_samples("local", [first, second], clock)))
    assert values["held_quotes", "fresh"] == values["held_quotes", "stale"] == 1
    assert values["quote_age_max_seconds",] == 5
    assert values["confidence_contribution_ratio", "oracle"] == pytest.approx(0.3 * 0.25)
    factors = [values["confidence_contribution_ratio", factor] for factor in Factors._fields]
    assert sum(factors) == pytest.approx((0.81 + 0.66) / 2)
    assert values["capped_quotes", "price_impact"] == 1
    assert values["capped_quotes", "stale"] == 0


def test_before_the_first_quote_there_is_no_age_and_no_factor():
    assert {name for name, *_ in told(list(held_samples("local", [], FakeClock())))} == {"held_quotes", "capped_quotes"}
