from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.raydium_clmm import ticks
from quote_core.dex.sqrt_price import MAX_TICK, MIN_SQRT_PRICE_X64, MIN_TICK

sqrt_prices = st.integers(MIN_SQRT_PRICE_X64, ticks.MAX_SQRT_PRICE_X64)
all_ticks = st.integers(MIN_TICK, MAX_TICK)


def test_the_ends_of_the_range_are_those_of_the_program():
    assert ticks.sqrt_price_at_tick(MIN_TICK) == MIN_SQRT_PRICE_X64
    assert ticks.sqrt_price_at_tick(MAX_TICK) == ticks.MAX_SQRT_PRICE_X64
    assert ticks.sqrt_price_at_tick(0) == 2**64


@given(all_ticks)
def test_a_tick_s_price_has_that_tick(tick: int):
    assert ticks.tick_at_sqrt_price(ticks.sqrt_price_at_tick(tick)) == tick


@given(sqrt_prices)
def test_a_price_lies_between_its_tick_and_the_next(sqrt_price: int):
    tick = ticks.tick_at_sqrt_price(sqrt_price)
    assert ticks.sqrt_price_at_tick(tick) <= sqrt_price
    if tick < MAX_TICK:
        assert sqrt_price < ticks.sqrt_price_at_tick(tick + 1)
