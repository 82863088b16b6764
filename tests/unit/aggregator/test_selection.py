import dataclasses

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import ONE_SOL, SOL, USDC, S, held, judge, merged, oracle

from aggregator.confidence import CapReason, Confidence, Decision, Factors
from aggregator.held import Refusal, Source
from aggregator.selection import confidence_of, merge
from quote_core.clock import moment
from quote_core.freshness import NEVER_VOUCHED
from quote_core.quotes import QuoteKey

FACTORS = Factors(1.0, 1.0, 1.0, 1.0, 1.0)


def scored(score: float) -> Confidence:
    return Confidence(score, FACTORS)


def test_higher_confidence_wins_over_higher_output() -> None:
    row = merge(held(100), held(200, source=Source.EXTERNAL), scored(0.95), scored(0.9))
    assert row.best is Source.LOCAL
    assert row.best_quote is not None
    assert row.best_quote.output_amount == 100
    assert row.decision is Decision.EXECUTE


def test_equal_confidence_goes_to_the_higher_output() -> None:
    row = merge(held(100), held(200, source=Source.EXTERNAL), scored(0.8), scored(0.8))
    assert row.best is Source.EXTERNAL
    assert row.decision is Decision.VERIFY


def test_full_tie_goes_to_local() -> None:
    assert merge(held(100), held(100, source=Source.EXTERNAL), scored(0.8), scored(0.8)).best is Source.LOCAL


def test_stale_quote_loses_to_a_fresh_one_whatever_the_scores() -> None:
    row = merge(held(is_stale=True), held(source=Source.EXTERNAL), scored(0.99), scored(0.1))
    assert row.best is Source.EXTERNAL


def test_stale_quote_alone_is_given_but_never_acted_on() -> None:
    row = merge(held(is_stale=True), None, scored(0.99), None)
    assert row.best is Source.LOCAL
    assert row.decision is Decision.SKIP


@pytest.mark.parametrize("source", Source)
def test_single_source_is_taken(source: Source) -> None:
    quote = held(source=source)
    sides = (quote, None, scored(0.6), None) if source is Source.LOCAL else (None, quote, None, scored(0.6))
    row = merge(*sides)
    assert row.best is source
    assert row.decision is Decision.CAUTIOUS
    assert row.refusal is None


def test_without_a_price_the_local_reason_comes_first() -> None:
    local = held(refusal=Refusal("FAILED_PRECONDITION", "no pool"))
    external = held(source=Source.EXTERNAL, refusal=Refusal("UNAVAILABLE", "no provider"))
    assert merge(local, external, None, None).refusal == Refusal("FAILED_PRECONDITION", "no pool")
    assert merge(None, external, None, None).refusal == Refusal("UNAVAILABLE", "no provider")


def test_without_any_answer_it_is_unavailable_and_says_so() -> None:
    row = merge(None, None, None, None)
    assert row.best is None
    assert row.best_quote is None
    assert row.refusal is not None
    assert row.refusal.code == "UNAVAILABLE"


def test_rates_are_compared_in_whole_tokens() -> None:
    clock = FakeClock()
    quote = held(140_000_000, clock=clock)
    clock.advance_ns(3 * S)
    confidence = confidence_of(
        quote, rate_scale=10.0 ** (9 - 6), depth_amount=10**11, oracle_rate=140.0, now=moment(clock)
    )
    assert confidence.factors.oracle == pytest.approx(1.0)
    assert confidence.factors.pool_age == pytest.approx(0.95)
    assert confidence.factors.slippage == pytest.approx(0.2)


def test_a_quote_is_stale_when_its_age_has_passed_its_limit_and_not_before() -> None:
    clock = FakeClock()
    quote = held(age_ns=2 * S)
    clock.advance_ns(3 * S)
    assert judge().is_fresh(quote, moment(clock))
    clock.advance_ns(1)
    assert not judge().is_fresh(quote, moment(clock))
    assert judge().aged(quote, moment(clock)).is_stale


def test_a_stepped_wall_clock_makes_no_quote_older_or_younger() -> None:
    clock = FakeClock()
    quote = held(clock=clock)
    now = moment(clock)
    for step_ns in (-3_600 * S, 3_600 * S):
        stepped = dataclasses.replace(now, unix_ns=now.unix_ns + step_ns)
        assert judge().is_fresh(quote, stepped)
        assert quote.freshness.age_ns(stepped) == 0


def test_what_nobody_ever_vouched_for_is_stale() -> None:
    assert not judge().is_fresh(held(freshness=NEVER_VOUCHED), moment(FakeClock()))


def test_an_hour_after_the_oracle_died_nothing_is_executed_on_its_price() -> None:
    clock = FakeClock()
    prices = oracle(clock)
    clock.advance_ns(3_600 * S)
    now = moment(clock)
    # The market has fallen by a tenth: local says so, the provider still quotes the price the oracle died at.
    local = held(126_000_000, clock=clock, oracle_price=140.0)
    external = held(125_900_000, source=Source.EXTERNAL, clock=clock)
    row = judge(prices).merged(local, external, rate_scale=1_000.0, now=now)
    assert row.oracle_rate is None
    assert row.local_confidence is not None
    assert row.external_confidence is not None
    assert row.local_confidence.factors.oracle == row.external_confidence.factors.oracle == 0.0
    assert row.best is Source.LOCAL
    assert row.decision is not Decision.EXECUTE


def test_both_sources_are_scored_by_the_same_oracle_rate() -> None:
    row = merged(held(oracle_price=140.2), held(source=Source.EXTERNAL, oracle_price=None))
    assert row.oracle_rate == 140.2


def test_sources_of_the_oracle_that_disagree_lower_the_confidence_of_both_and_the_quote_stands() -> None:
    clock = FakeClock()
    now = moment(clock)
    local, external = held(clock=clock), held(source=Source.EXTERNAL, clock=clock)
    agreed, disputed = (
        judge(oracle(clock, disagreement=apart)).merged(local, external, rate_scale=1_000.0, now=now)
        for apart in (0.0, 0.05)
    )
    for before, after in (
        (agreed.local_confidence, disputed.local_confidence),
        (agreed.external_confidence, disputed.external_confidence),
    ):
        assert before is not None
        assert after is not None
        assert after.factors.oracle == pytest.approx(before.factors.oracle - 0.5)
        assert after.score == pytest.approx(before.score - 0.15)
    assert (agreed.oracle_disagreement, disputed.oracle_disagreement) == (0.0, 0.05)
    assert (disputed.best, disputed.oracle_rate) == (agreed.best, agreed.oracle_rate)
    assert (agreed.decision, disputed.decision) == (Decision.EXECUTE, Decision.VERIFY)


def test_a_trade_that_loses_nearly_all_is_skipped_though_the_depth_lets_expect_it() -> None:
    """A billion SOL for 5.4 million USDC: the slippage is as expected, four factors are well, the score is 0.7."""
    key = QuoteKey(SOL, USDC, 10**9 * ONE_SOL)
    local = held(5_432_967_609_714, key=key, price_impact_fraction=0.9999)._replace(depth_amount=4_000 * ONE_SOL)
    row = merged(local)
    assert row.best_confidence is not None
    assert row.best_confidence.score == pytest.approx(0.7, abs=0.001)
    assert row.decision is Decision.SKIP
    assert [cap.reason for cap in row.best_confidence.caps] == [CapReason.PRICE_IMPACT, CapReason.ORACLE_DEVIATION]


def test_a_capped_quote_loses_to_one_that_is_not() -> None:
    row = merged(held(141_000_000, price_impact_fraction=0.06), held(source=Source.EXTERNAL, uptime=0.5))
    assert row.best is Source.EXTERNAL
    assert row.decision is not Decision.SKIP
