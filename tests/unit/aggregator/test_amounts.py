import pytest

from aggregator.amounts import moved_beyond, reverse_amounts
from quote_core.watch import DEFAULT_AMOUNTS


def test_default_amounts_are_forty_ten_a_decade_from_a_tenth_of_a_sol() -> None:
    assert len(DEFAULT_AMOUNTS) == 40
    assert DEFAULT_AMOUNTS[0] == 100_000_000
    assert DEFAULT_AMOUNTS[1] == 126_000_000
    assert DEFAULT_AMOUNTS[10] == 1_000_000_000
    assert DEFAULT_AMOUNTS[-1] == 794_000_000_000
    assert list(DEFAULT_AMOUNTS) == sorted(set(DEFAULT_AMOUNTS))


def test_one_sol_is_worth_its_oracle_price_in_dollars() -> None:
    assert reverse_amounts((1_000_000_000,), price=140.37, input_decimals=9, output_decimals=6) == (140_000_000,)


def test_reverse_amounts_have_three_significant_digits() -> None:
    assert reverse_amounts((126_000_000,), price=0.76923, input_decimals=9, output_decimals=9) == (96_900_000,)


def test_reverse_amount_is_never_zero_nor_beyond_u64() -> None:
    assert reverse_amounts((1,), price=1e-9, input_decimals=9, output_decimals=6) == (1,)
    assert reverse_amounts((2**63,), price=1e9, input_decimals=6, output_decimals=9) == (2**64 - 1,)


@pytest.mark.parametrize(("new", "moved"), [(105.0, False), (105.01, True), (95.0, False), (94.99, True)])
def test_price_has_moved_beyond_five_percent_either_way(new: float, moved: bool) -> None:
    assert moved_beyond(100.0, new, fraction=0.05) is moved
