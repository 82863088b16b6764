from hypothesis import given
from hypothesis import strategies as st

from aggregator.amounts import reverse_amounts
from quote_core.watch import DEFAULT_AMOUNTS


@given(st.floats(1e-6, 1e6), st.sampled_from((6, 8, 9)), st.sampled_from((6, 8, 9)))
def test_reverse_amounts_are_within_half_a_percent_of_their_worth(
    price: float, input_decimals: int, output_decimals: int
) -> None:
    reverse = reverse_amounts(
        DEFAULT_AMOUNTS, price=price, input_decimals=input_decimals, output_decimals=output_decimals
    )
    for forward, back in zip(DEFAULT_AMOUNTS, reverse, strict=True):
        worth = forward * price * 10.0 ** (output_decimals - input_decimals)
        if 1_000 <= worth < 2**63:
            assert abs(back - worth) <= 0.00501 * worth


@given(st.floats(1e-6, 1e6))
def test_a_larger_forward_amount_never_has_a_smaller_reverse_one(price: float) -> None:
    reverse = reverse_amounts(DEFAULT_AMOUNTS, price=price, input_decimals=9, output_decimals=9)
    assert list(reverse) == sorted(reverse)
