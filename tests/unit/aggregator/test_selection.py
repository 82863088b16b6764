import pytest
from fakes.held_quotes import held

from aggregator.confidence import Confidence, Decision, Factors
from aggregator.held import Refusal, Source
from aggregator.selection import confidence_of, merge

FACTORS = Factors(1.0, 1.0, 1.0, 1.0, 1.0)


def scored(score: float) -> Confidence:
    return Confidence(score, FACTORS)


def test_higher_confidence_wins_over_higher_output() -> None:
    merged = merge(held(100), held(200, source=Source.EXTERNAL), scored(0.95), scored(0.9))
    assert merged.best is Source.LOCAL
    assert merged.best_quote is not None
    assert merged.best_quote.output_amount == 100
    assert merged.decision is Decision.EXECUTE


def test_equal_confidence_goes_to_the_higher_output() -> None:
    merged = merge(held(100), held(200, source=Source.EXTERNAL), scored(0.8), scored(0.8))
    assert merged.best is Source.EXTERNAL
    assert merged.decision is Decision.VERIFY


def test_full_tie_goes_to_local() -> None:
    assert merge(held(100), held(100, source=Source.EXTERNAL), scored(0.8), scored(0.8)).best is Source.LOCAL


def test_stale_quote_loses_to_a_fresh_one_whatever_the_scores() -> None:
    merged = merge(held(is_stale=True), held(source=Source.EXTERNAL), scored(0.99), scored(0.1))
    assert merged.best is Source.EXTERNAL


def test_stale_quote_alone_is_given_but_never_acted_on() -> None:
    merged = merge(held(is_stale=True), None, scored(0.99), None)
    assert merged.best is Source.LOCAL
    assert merged.decision is Decision.SKIP


@pytest.mark.parametrize("source", Source)
def test_single_source_is_taken(source: Source) -> None:
    quote = held(source=source)
    sides = (quote, None, scored(0.6), None) if source is Source.LOCAL else (None, quote, None, scored(0.6))
    merged = merge(*sides)
    assert merged.best is source
    assert merged.decision is Decision.CAUTIOUS
    assert merged.refusal is None


def test_without_a_price_the_local_reason_comes_first() -> None:
    local = held(refusal=Refusal("FAILED_PRECONDITION", "no pool"))
    external = held(source=Source.EXTERNAL, refusal=Refusal("UNAVAILABLE", "no provider"))
    assert merge(local, external, None, None).refusal == Refusal("FAILED_PRECONDITION", "no pool")
    assert merge(None, external, None, None).refusal == Refusal("UNAVAILABLE", "no provider")


def test_without_any_answer_it_is_unavailable_and_says_so() -> None:
    merged = merge(None, None, None, None)
    assert merged.best is None
    assert merged.best_quote is None
    assert merged.refusal is not None
    assert merged.refusal.code == "UNAVAILABLE"


def test_rates_are_compared_in_whole_tokens() -> None:
    quote = held(140_000_000, oracle_price=140.0)
    confidence = confidence_of(
        quote, rate_scale=10.0 ** (9 - 6), depth_amount=10**11, now_mono_ns=quote.state_mono_ns + 3_000_000_000
    )
    assert confidence.factors.oracle == pytest.approx(1.0)
    assert confidence.factors.pool_age == pytest.approx(0.95)
    assert confidence.factors.slippage == pytest.approx(0.2)
