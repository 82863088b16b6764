"""Bin prices and conversions of Meteora DLMM, in Q64.64, bit for bit as the program computes them.

Source: MeteoraAg/dlmm-sdk, commons/src/math/{price_math,u64x64_math}.rs and commons/src/extensions/bin.rs.
"""

from functools import lru_cache
from typing import Final

from quote_core.dex.fixed_point import Q64, div_ceil, mul_div_ceil
from quote_core.units import BPS, U128_MAX

__all__ = ["BIN_ID_MAX", "input_for_ceil", "output_for_floor", "price_of_bin"]

BIN_ID_MAX: Final = 443636
"""Bin ids run from -BIN_ID_MAX to BIN_ID_MAX."""

_EXPONENT_BITS: Final = 19


@lru_cache(maxsize=65536)
def price_of_bin(bin_id: int, bin_step: int) -> int:
    """Price (Y per X, smallest units) of a bin: (1 + step / 10,000)^id; 0 where it underflows.

    Computed on reciprocals and turned over at the end for positive ids, as the program does: no other way gives the
    same last digits.
    """
    base = Q64 + bin_step * Q64 // BPS
    if bin_id == 0:
        return Q64
    square = U128_MAX // base
    result = Q64
    for bit in range(_EXPONENT_BITS):
        if abs(bin_id) >> bit & 1:
            result = result * square >> 64
        square = square * square >> 64
    if result == 0:
        return 0
    return U128_MAX // result if bin_id > 0 else result


def output_for_floor(amount_in: int, price_x64: int, *, x_to_y: bool) -> int:
    """What `amount_in` buys at a price, rounded down."""
    return amount_in * price_x64 >> 64 if x_to_y else (amount_in << 64) // price_x64


def input_for_ceil(amount_out: int, price_x64: int, *, x_to_y: bool) -> int:
    """What `amount_out` costs at a price, rounded up."""
    return div_ceil(amount_out << 64, price_x64) if x_to_y else mul_div_ceil(amount_out, price_x64, Q64)
