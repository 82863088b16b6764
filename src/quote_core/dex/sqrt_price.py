"""Square roots of prices in Q64.64, and the amounts between two of them: what Raydium CLMM and Orca Whirlpool share.

Integers here do not overflow; where a program's do, and what it then does, its own `ticks` says. The C of the compiled
ladders is `sqrt_price.h`.

Source: as in raydium_clmm/ticks.py and orca_whirlpool/ticks.py.
"""

import bisect
from collections.abc import Callable
from typing import Final

from quote_core.dex.fixed_point import Q64, div_ceil, mul_div_ceil

__all__ = [
    "MAX_TICK",
    "MIN_SQRT_PRICE_X64",
    "MIN_TICK",
    "amount_a",
    "amount_b",
    "greatest_tick_at",
    "next_from_a",
    "next_from_b",
    "spot_price_of",
]

MIN_TICK: Final = -443636
MAX_TICK: Final = 443636
MIN_SQRT_PRICE_X64: Final = 4295048016
"""At `MIN_TICK`, for both; at `MAX_TICK` their last digits differ."""

_ALL_TICKS: Final = range(MIN_TICK, MAX_TICK + 1)


def greatest_tick_at(sqrt_price_x64: int, sqrt_price_at_tick: Callable[[int], int]) -> int:
    """Give the greatest tick whose price is at most `sqrt_price_x64`."""
    return MIN_TICK + bisect.bisect_right(_ALL_TICKS, sqrt_price_x64, key=sqrt_price_at_tick) - 1


def spot_price_of(sqrt_price_x64: int) -> float:
    """Give the price, B per A in smallest units; for scores and display."""
    return (sqrt_price_x64 / Q64) ** 2


def amount_a(price_x64: int, other_x64: int, liquidity: int, *, round_up: bool) -> int:
    """Token A between two prices: L * 2^64 * delta / (lower * upper).

    Dividing by upper and then by lower, rounding the same way twice, as CLMM does, is the same.
    """
    lower, upper = (price_x64, other_x64) if price_x64 < other_x64 else (other_x64, price_x64)
    numerator, denominator = liquidity * (upper - lower) << 64, lower * upper
    return div_ceil(numerator, denominator) if round_up else numerator // denominator


def amount_b(price_x64: int, other_x64: int, liquidity: int, *, round_up: bool) -> int:
    """Token B between two prices: L * delta / 2^64."""
    product = liquidity * abs(price_x64 - other_x64)
    return div_ceil(product, Q64) if round_up else product >> 64


def next_from_a(price_x64: int, liquidity: int, amount: int, *, is_input: bool) -> int:
    """Price after `amount` of token A has gone in or out, rounded up; out, it is less than the liquidity holds."""
    shifted = liquidity << 64
    change = amount * price_x64
    return mul_div_ceil(shifted, price_x64, shifted + change if is_input else shifted - change)


def next_from_b(price_x64: int, liquidity: int, amount: int, *, is_input: bool) -> int:
    """Price after `amount` of token B has gone in or out, rounded down; `liquidity` is above zero."""
    shifted = amount << 64
    return price_x64 + shifted // liquidity if is_input else price_x64 - div_ceil(shifted, liquidity)
