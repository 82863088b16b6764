"""Reverse amounts: of the same economic size as the forward ones of the setting."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from quote_core.units import U64_MAX

__all__ = ["moved_beyond", "reverse_amounts"]

_SIGNIFICANT_DIGITS: Final = 3


def reverse_amounts(
    amounts: Sequence[int], *, price: float, input_decimals: int, output_decimals: int
) -> tuple[int, ...]:
    """What each forward amount is worth in the output token, to three significant digits.

    Args:
        amounts: Forward input amounts, smallest units.
        price: Whole output tokens per whole input token, above zero.
        input_decimals: Of the forward input token.
        output_decimals: Of the forward output token.

    Returns:
        Smallest units of the output token, each at least 1 and at most u64.
    """
    scale = price * 10.0 ** (output_decimals - input_decimals)
    return tuple(min(max(_rounded(amount * scale), 1), U64_MAX) for amount in amounts)


def moved_beyond(old: float, new: float, *, fraction: float) -> bool:
    """Whether a price has moved by more than `fraction` of its old value."""
    return abs(new - old) > fraction * old


def _rounded(value: float) -> int:
    return int(Decimal(f"{value:.{_SIGNIFICANT_DIGITS - 1}e}"))
