"""Settled in C is settled by the specification, whatever the offers and however often."""

import math

from fakes.held_market import SOL, USDC
from hypothesis import given, settings
from hypothesis import strategies as st

from local_quote.quote_rows import PoolOffer, QuoteRows
from local_quote.settlement import Bid, RowState, settled
from quote_core.dex.pool import Direction
from quote_core.units import U64_MAX

POOL_COUNT_MAX = 5
# Few different outputs make ties, and large ones the extremes.
OUTPUTS = st.one_of(st.integers(0, 3), st.integers(0, U64_MAX))
PRICES = st.one_of(st.just(0.0), st.floats(1e-12, 1e12))


@st.composite
def rounds(draw: st.DrawFn) -> tuple[list[int], list[list[tuple[int, list[int], float, bool]]]]:
    """Amounts, and round by round the pools that offer: number, outputs, price, staleness."""
    amounts = sorted(draw(st.sets(st.integers(1, U64_MAX), min_size=1, max_size=8)))
    outputs = st.lists(OUTPUTS, min_size=len(amounts), max_size=len(amounts))
    one_round = st.lists(
        st.tuples(st.integers(0, POOL_COUNT_MAX - 1), outputs, PRICES, st.booleans()),
        max_size=POOL_COUNT_MAX,
        unique_by=lambda pool: pool[0],
    )
    return amounts, draw(st.lists(one_round, max_size=6))


def same(state: RowState, wanted: RowState) -> bool:
    """Equal but for the last bits of an impact, which C works out from rounded amounts."""
    return state._replace(price_impact=0.0) == wanted._replace(price_impact=0.0) and math.isclose(
        state.price_impact, wanted.price_impact, rel_tol=1e-9, abs_tol=1e-15
    )


@settings(max_examples=400, deadline=None)
@given(rounds())
def test_settled_in_c_is_settled_by_the_specification(
    case: tuple[list[int], list[list[tuple[int, list[int], float, bool]]]],
) -> None:
    amounts, told = case
    rows = QuoteRows()
    numbers = rows.add(amounts)
    expected = {number: RowState(amount) for number, amount in zip(numbers, amounts, strict=True)}
    for time_ns, pools in enumerate(told, start=1):
        offers = []
        for number, outputs, price, is_stale in pools:
            offer = PoolOffer(SOL, USDC, None, Direction.A_TO_B, number)  # type: ignore[arg-type]  # not looked at
            offer.outputs = outputs
            offer.stand(price, is_stale)
            offers.append(offer)
        changed: list[int] = []
        unfilled = rows.settle(numbers, offers, time_ns, 10 * time_ns, changed)
        wanted_changed, wanted_unfilled = [], []
        for index, number in enumerate(numbers):
            bids = [Bid(pool, outputs[index], price, is_stale) for pool, outputs, price, is_stale in pools]
            after = settled(expected[number], bids, now_unix_ns=time_ns, now_mono_ns=10 * time_ns)
            if after is None:
                wanted_unfilled.append(number)
            elif after is not expected[number]:
                wanted_changed.append(number)
                expected[number] = after
        assert (changed, unfilled) == (wanted_changed, wanted_unfilled)
        for number in numbers:
            assert same(rows.state(number), expected[number])


@given(st.integers(1, 2**53), st.integers(1, 2**53), st.floats(1e-9, 1e9))
def test_an_impact_of_amounts_that_doubles_hold_is_the_same_to_the_last_bit(
    amount: int, output: int, price: float
) -> None:
    rows = QuoteRows()
    numbers = rows.add([amount])
    offer = PoolOffer(SOL, USDC, None, Direction.A_TO_B, 0)  # type: ignore[arg-type]  # not looked at
    offer.outputs = [output]
    offer.stand(price, is_stale=False)
    rows.settle(numbers, [offer], 1, 1, [])
    wanted = settled(RowState(amount), [Bid(0, output, price, is_stale=False)], now_unix_ns=1, now_mono_ns=1)
    assert rows.state(numbers[0]) == wanted
