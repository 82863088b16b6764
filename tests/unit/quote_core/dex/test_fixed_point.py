from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.fixed_point import div_ceil, mul_div_ceil, mul_div_floor

u64 = st.integers(0, 2**64 - 1)
divisors = st.integers(1, 2**128 - 1)


@given(u64, u64, divisors)
def test_floor_and_ceil_enclose_the_exact_quotient(a: int, b: int, denominator: int) -> None:
    floor, ceil = mul_div_floor(a, b, denominator), mul_div_ceil(a, b, denominator)
    assert floor * denominator <= a * b <= ceil * denominator
    assert ceil - floor == (a * b % denominator != 0)


@given(u64, divisors)
def test_a_plain_ceil_is_that_of_a_product_with_one(numerator: int, denominator: int) -> None:
    assert div_ceil(numerator, denominator) == mul_div_ceil(numerator, 1, denominator)
