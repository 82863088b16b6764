import pytest
from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.raydium_clmm import ticks

sqrt_prices = st.integers(ticks.MIN_SQRT_PRICE_X64, ticks.MAX_SQRT_PRICE_X64)
all_ticks = st.integers(ticks.MIN_TICK, ticks.MAX_TICK)
liquidities = st.integers(1, 2**100)


def test_the_ends_of_the_range_are_those_of_the_program():
    assert ticks.sqrt_price_at_tick(ticks.MIN_TICK) == ticks.MIN_SQRT_PRICE_X64
    assert ticks.sqrt_price_at_tick(ticks.MAX_TICK) == ticks.MAX_SQRT_PRICE_X64
    assert ticks.sqrt_price_at_tick(0) == 2**64


@given(all_ticks)
def test_a_tick_s_price_has_that_tick(tick: int):
    assert ticks.tick_at_sqrt_price(ticks.sqrt_price_at_tick(tick)) == tick


@given(sqrt_prices)
def test_a_price_lies_between_its_tick_and_the_next(sqrt_price: int):
    tick = ticks.tick_at_sqrt_price(sqrt_price)
    assert ticks.sqrt_price_at_tick(tick) <= sqrt_price
    if tick < ticks.MAX_TICK:
        assert sqrt_price < ticks.sqrt_price_at_tick(tick + 1)


@given(sqrt_prices, sqrt_prices, liquidities)
def test_rounding_up_costs_at_most_one_unit_more(one: int, other: int, liquidity: int):
    for down, up in (
        (ticks.delta_token_0_floor, ticks.delta_token_0_ceil),
        (ticks.delta_token_1_floor, ticks.delta_token_1_ceil),
    ):
        assert 0 <= up(one, other, liquidity) - down(one, other, liquidity) <= 1


@given(sqrt_prices, liquidities, st.integers(0, 2**64 - 1), st.booleans())
def test_the_price_never_moves_further_than_the_input_pays_for(
    sqrt_price: int, liquidity: int, amount: int, zero_for_one: bool
):
    reached = ticks.next_sqrt_price_from_input(sqrt_price, liquidity, amount, zero_for_one=zero_for_one)
    cost = ticks.delta_token_0_ceil if zero_for_one else ticks.delta_token_1_ceil
    assert reached <= sqrt_price if zero_for_one else reached >= sqrt_price
    assert cost(sqrt_price, reached, liquidity) <= amount


@pytest.mark.parametrize("zero_for_one", [True, False])
def test_the_price_after_an_output_gives_at_least_that_output(zero_for_one: bool):
    sqrt_price, liquidity, amount = 5275637604474312536, 109600928560850, 10**9
    reached = ticks.next_sqrt_price_from_output(sqrt_price, liquidity, amount, zero_for_one=zero_for_one)
    gives = ticks.delta_token_1_floor if zero_for_one else ticks.delta_token_0_floor
    assert gives(sqrt_price, reached, liquidity) >= amount
