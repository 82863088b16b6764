"""What the table scores is what the readable formula scores, to the last bit."""

import math

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import SOL, TOKENS, USDC, held, judge, oracle
from fakes.vouched import vouched
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.held import HeldQuote, Source
from aggregator.table import QuoteTable
from quote_core.clock import moment
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.quotes import QuoteKey

CLOCK = FakeClock()
JUDGE = judge(oracle(CLOCK))
disagreements = st.just(0.0) | st.floats(0.0, 1.0)
amounts = st.integers(1, 2**63 - 1) | st.integers(2**53 - 2, 2**53 + 2) | st.integers(10**8, 10**10)
rates = st.floats(120.0, 160.0)
shares = st.floats(0.0, 1.0)
ages = st.integers(0, 10**11)


@st.composite
def answers(draw: st.DrawFn, source: Source, input_amount: int) -> HeldQuote:
    near = min(int(input_amount * draw(rates) / 1_000), 2**63 - 1)
    return held(
        max(draw(st.just(near) | amounts), 1),
        source=source,
        key=QuoteKey(SOL, USDC, input_amount),
        freshness=vouched(CLOCK, age_ns=draw(ages)),
        oracle_price=draw(st.none() | rates) if source is Source.LOCAL else None,
        uptime=draw(shares),
        price_impact_fraction=draw(shares | st.floats(0.0, 0.06)),
    )._replace(hop_count=draw(st.integers(1, 8)), depth_amount=draw(st.just(0) | st.integers(1, 2**64 - 1)))


@settings(max_examples=400)
@given(st.data(), amounts, disagreements)
def test_a_row_is_scored_and_chosen_as_the_readable_code_does(
    data: st.DataObject, input_amount: int, disagreement: float
) -> None:
    key = QuoteKey(SOL, USDC, input_amount)
    of = judge(oracle(CLOCK, disagreement=disagreement))
    table = QuoteTable(tokens=TOKENS, clock=CLOCK, judge=of)
    table.row_added(0, key)
    local, external = (data.draw(st.none() | answers(source, input_amount)) for source in Source)
    for answer in (local, external):
        if answer is not None:
            table.take([answer])
    merged = table.merged(0)
    assert merged == of.merged(local, external, rate_scale=1_000.0, now=moment(CLOCK))
    assert merged.oracle_disagreement == (disagreement if merged.oracle_rate is not None else 0.0)
    told = pb.AggregatedQuote.FromString(table.body(0))
    assert told.oracle_disagreement == merged.oracle_disagreement
    for confidence, score, factors in (
        (merged.local_confidence, told.local_confidence, told.local_factors),
        (merged.external_confidence, told.external_confidence, told.external_factors),
    ):
        if confidence is not None:
            assert score == confidence.score
            got = (factors.pool_age, factors.route, factors.oracle, factors.provider, factors.slippage)
            assert got == tuple(confidence.factors)


@pytest.mark.parametrize("fraction", [0.01, 0.05, math.nextafter(0.01, 1), math.nextafter(0.05, 1)])
def test_at_a_limit_there_is_no_cap_and_a_bit_above_it_there_is(fraction: float) -> None:
    table = QuoteTable(tokens=TOKENS, clock=CLOCK, judge=JUDGE)
    quote = held(clock=CLOCK, price_impact_fraction=fraction)
    table.row_added(0, quote.key)
    table.take([quote])
    assert table.merged(0) == JUDGE.merged(quote, None, rate_scale=1_000.0, now=moment(CLOCK))
