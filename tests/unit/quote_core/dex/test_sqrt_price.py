import pytest
from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.fixed_point import div_ceil
from quote_core.dex.raydium_clmm.ticks import MAX_SQRT_PRICE_X64
from quote_core.dex.sqrt_price import MIN_SQRT_PRICE_X64, amount_a, amount_b, next_from_a, next_from_b

sqrt_prices = st.integers(MIN_SQRT_PRICE_X64, MAX_SQRT_PRICE_X64)
liquidities = st.integers(1, 2**100)


@given(sqrt_prices, sqrt_prices, liquidities)
def test_rounding_up_costs_at_most_one_unit_more(one: int, other: int, liquidity: int):
    for amount in (amount_a, amount_b):
        up, down = (amount(one, other, liquidity, round_up=round_up) for round_up in (True, False))
        assert 0 <= up - down <= 1


@given(sqrt_prices, sqrt_prices, liquidities)
def test_token_a_is_what_the_program_gets_by_dividing_twice(one: int, other: int, liquidity: int):
    lower, upper = sorted((one, other))
    numerator = (liquidity << 64) * (upper - lower)
    assert amount_a(one, other, liquidity, round_up=False) == numerator // upper // lower
    assert amount_a(one, other, liquidity, round_up=True) == div_ceil(div_ceil(numerator, upper), lower)


@given(sqrt_prices, liquidities, st.integers(0, 2**64 - 1), st.booleans())
def test_the_price_never_moves_further_than_the_input_pays_for(price: int, liquidity: int, amount: int, down: bool):
    reached = (next_from_a if down else next_from_b)(price, liquidity, amount, is_input=True)
    assert reached <= price if down else reached >= price
    assert (amount_a if down else amount_b)(price, reached, liquidity, round_up=True) <= amount


@pytest.mark.parametrize("down", [True, False])
def test_the_price_after_an_output_gives_at_least_that_output(down: bool):
    price, liquidity, amount = 5275637604474312536, 109600928560850, 10**9
    reached = (next_from_b if down else next_from_a)(price, liquidity, amount, is_input=False)
    assert (amount_b if down else amount_a)(price, reached, liquidity, round_up=False) >= amount
