from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.orca_whirlpool import ticks
from quote_core.dex.sqrt_price import MAX_TICK, MIN_SQRT_PRICE_X64, MIN_TICK
from quote_core.dex.walk import MathOverflow

sqrt_prices = st.integers(MIN_SQRT_PRICE_X64, ticks.MAX_SQRT_PRICE_X64)
all_ticks = st.integers(MIN_TICK, MAX_TICK)


@pytest.mark.parametrize("bit", range(19))
def test_the_constants_are_exact_floors(bit: int):
    up, down = 10001 ** (2**bit), 10000 ** (2**bit)
    assert ticks.UP_X96[bit] == isqrt((up << 192) // down)
    assert ticks.DOWN_X64[bit] == isqrt((down << 128) // up)


def test_the_ends_of_the_range_are_those_of_the_program():
    assert ticks.sqrt_price_at_tick(MIN_TICK) == MIN_SQRT_PRICE_X64
    assert ticks.sqrt_price_at_tick(MAX_TICK) == ticks.MAX_SQRT_PRICE_X64


@given(all_ticks)
def test_a_tick_s_price_has_that_tick(tick: int):
    assert ticks.tick_at_sqrt_price(ticks.sqrt_price_at_tick(tick)) == tick


@given(sqrt_prices, sqrt_prices, st.integers(0, 2**128 - 1))
def test_amounts_that_do_not_fit_are_none_and_products_that_do_not_fit_abort(one: int, other: int, liquidity: int):
    for round_up in (True, False):
        try:
            amount = ticks.delta_a(one, other, liquidity, round_up=round_up)
        except MathOverflow:
            assert liquidity * abs(one - other) << 64 >= 2**256
        else:
            assert amount is None or 0 <= amount < 2**64
        amount = ticks.delta_b(one, other, liquidity, round_up=round_up)
        assert amount is None or 0 <= amount < 2**64


def test_a_price_outside_the_range_aborts():
    with pytest.raises(MathOverflow, match="outside the program's range"):
        ticks.next_sqrt_price(2**64, 1, 2**63, is_input=True, a_to_b=True)
    with pytest.raises(MathOverflow, match="more output than"):
        ticks.next_sqrt_price(2**64, 1, 2**63, is_input=False, a_to_b=False)
    with pytest.raises(MathOverflow, match="zero liquidity"):
        ticks.next_sqrt_price(2**64, 0, 1, is_input=True, a_to_b=False)
