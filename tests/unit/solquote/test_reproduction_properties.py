"""Whatever golden pool, side and amount: what a service quotes comes out again from its evidence."""

from fakes.explained_market import ExplainedMarket
from fakes.held_market import SOL, USDC
from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.dex.pool import SwapMode
from quote_core.errors import MarketError
from solquote.reproduction import reproduce

MARKET = ExplainedMarket()


@settings(max_examples=150, deadline=None)
@given(
    pool=st.sampled_from(MARKET.pools),
    mint=st.sampled_from([SOL.mint, USDC.mint]),
    mode=st.sampled_from(SwapMode),
    magnitude=st.floats(2, 12),
)
def test_a_quote_of_any_pool_is_reproduced(pool: str, mint: str, mode: SwapMode, magnitude: float) -> None:
    amount = round(10**magnitude)
    try:
        asked = MARKET.through(pool, mint, amount, mode)  # type: ignore[arg-type]
    except MarketError:
        return
    reproduced = reproduce(MARKET.evidence(asked))
    assert reproduced.is_equal, [check for check in reproduced.checks if not check.is_equal]
    assert (reproduced.input_amount, reproduced.output_amount) == (asked.input_amount, asked.output_amount)


@settings(max_examples=30, deadline=None)
@given(
    trades=st.lists(
        st.tuples(st.sampled_from(MARKET.pools), st.booleans(), st.integers(10**6, 2 * 10**9)), min_size=1, max_size=8
    ),
    amount=st.integers(10**7, 10**12),
)
def test_quotes_on_the_way_are_reproduced_when_the_market_has_moved_on(
    trades: list[tuple[str, bool, int]], amount: int
) -> None:
    told = []
    for pool, sells_sol, size in trades:
        told.append(MARKET.direct((SOL, USDC), amount))
        MARKET.golden.trade(pool, SOL.mint if sells_sol else USDC.mint, size)  # type: ignore[arg-type]
    for asked in told:
        assert reproduce(MARKET.evidence(asked)).is_equal
