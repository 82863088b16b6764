from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quote_core.errors import InvalidField
from quote_core.units import U64_MAX, amount_from_decimal, decimal_from_amount


def test_decimal_text_becomes_smallest_units_exactly():
    assert amount_from_decimal("1.5", 9) == 1_500_000_000
    assert amount_from_decimal("0.000001", 6) == 1
    assert amount_from_decimal(".5", 9) == 500_000_000
    assert amount_from_decimal("18446744073709551615", 0) == U64_MAX


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "decimal number"),
        ("abc", "decimal number"),
        ("1,5", "decimal number"),
        ("nan", "plain decimal"),
        ("inf", "plain decimal"),
        ("1_5", "plain decimal"),
        ("١٥", "plain decimal"),
        ("１.５", "plain decimal"),
        ("1e3", "plain decimal"),
        ("+1", "plain decimal"),
        (" 1", "plain decimal"),
        ("1\n", "plain decimal"),
        (".", "plain decimal"),
        ("0", "above zero"),
        ("-1", "above zero"),
        ("0.0000000001", "decimal places"),
        ("18446744073709551616", "64 bits"),
        ("9" * 100_000, "64 bits"),
        ("0." + "0" * 100_000 + "1", "decimal places"),
    ],
)
def test_an_amount_that_breaks_a_rule_is_refused_with_the_rule(text: str, rule: str):
    decimals = 0 if text.startswith("184") else 9
    with pytest.raises(InvalidField, match=rule) as caught:
        amount_from_decimal(text, decimals, field="input_amount")
    assert caught.value.field == "input_amount"


@given(st.integers(1, U64_MAX), st.integers(0, 18))
def test_an_amount_survives_the_way_to_text_and_back(amount: int, decimals: int):
    assert amount_from_decimal(f"{decimal_from_amount(amount, decimals):f}", decimals) == amount


def test_display_is_exact():
    assert decimal_from_amount(U64_MAX, 9) == Decimal("18446744073.709551615")
