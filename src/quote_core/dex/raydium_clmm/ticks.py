"""Tick and price math of Raydium CLMM, in Q64.64, bit for bit as the program computes it.

Source: raydium-io/raydium-clmm, programs/amm/src/libraries/{tick_math,sqrt_price_math,liquidity_math}.rs.
"""

import bisect
from functools import lru_cache
from typing import Final

from quote_core.dex.fixed_point import div_ceil, mul_div_ceil

__all__ = [
    "MAX_SQRT_PRICE_X64",
    "MAX_TICK",
    "MIN_SQRT_PRICE_X64",
    "MIN_TICK",
    "U64_MAX",
    "delta_token_0_ceil",
    "delta_token_0_floor",
    "delta_token_1_ceil",
    "delta_token_1_floor",
    "next_sqrt_price_from_input",
    "next_sqrt_price_from_output",
    "sqrt_price_at_tick",
    "tick_at_sqrt_price",
]

MIN_TICK: Final = -443636
MAX_TICK: Final = 443636
MIN_SQRT_PRICE_X64: Final = 4295048016
MAX_SQRT_PRICE_X64: Final = 79226673521066979257578248091
U64_MAX: Final = 2**64 - 1

_Q64: Final = 1 << 64
# sqrt(1.0001)^-(2^i) in Q64.64, as written in the program (its roundings are its own).
_LADDER: Final = (
    0xFFFCB933BD6FB800,
    0xFFF97272373D4000,
    0xFFF2E50F5F657000,
    0xFFE5CACA7E10F000,
    0xFFCB9843D60F7000,
    0xFF973B41FA98E800,
    0xFF2EA16466C9B000,
    0xFE5DEE046A9A3800,
    0xFCBE86C7900BB000,
    0xF987A7253AC65800,
    0xF3392B0822BB6000,
    0xE7159475A2CAF000,
    0xD097F3BDFD2F2000,
    0xA9F746462D9F8000,
    0x70D869A156F31C00,
    0x31BE135F97ED3200,
    0x9AA508B5B85A500,
    0x5D6AF8DEDC582C,
    0x2216E584F5FA,
)


@lru_cache(maxsize=65536)
def sqrt_price_at_tick(tick: int) -> int:
    """Square root of the price at `tick`, Q64.64; `tick` in MIN_TICK .. MAX_TICK."""
    assert MIN_TICK <= tick <= MAX_TICK
    distance = abs(tick)
    ratio = _Q64
    for bit, factor in enumerate(_LADDER):
        if distance >> bit & 1:
            ratio = ratio * factor >> 64
    return (2**128 - 1) // ratio if tick > 0 else ratio


_ALL_TICKS: Final = range(MIN_TICK, MAX_TICK + 1)


def tick_at_sqrt_price(sqrt_price_x64: int) -> int:
    """The greatest tick whose price is at most `sqrt_price_x64`."""
    return MIN_TICK + bisect.bisect_right(_ALL_TICKS, sqrt_price_x64, key=sqrt_price_at_tick) - 1


def delta_token_0_floor(sqrt_price_a_x64: int, sqrt_price_b_x64: int, liquidity: int) -> int:
    """Token 0 between two prices: floor(floor(L·2^64·Δ / upper) / lower)."""
    lower, upper = sorted((sqrt_price_a_x64, sqrt_price_b_x64))
    return (liquidity << 64) * (upper - lower) // upper // lower


def delta_token_0_ceil(sqrt_price_a_x64: int, sqrt_price_b_x64: int, liquidity: int) -> int:
    """Token 0 between two prices: ceil(ceil(L·2^64·Δ / upper) / lower), the program's nested rounding."""
    lower, upper = sorted((sqrt_price_a_x64, sqrt_price_b_x64))
    return div_ceil(mul_div_ceil(liquidity << 64, upper - lower, upper), lower)


def delta_token_1_floor(sqrt_price_a_x64: int, sqrt_price_b_x64: int, liquidity: int) -> int:
    """Token 1 between two prices: floor(L·Δ / 2^64)."""
    return liquidity * abs(sqrt_price_a_x64 - sqrt_price_b_x64) >> 64


def delta_token_1_ceil(sqrt_price_a_x64: int, sqrt_price_b_x64: int, liquidity: int) -> int:
    """Token 1 between two prices: ceil(L·Δ / 2^64)."""
    return -(-liquidity * abs(sqrt_price_a_x64 - sqrt_price_b_x64) >> 64)


def next_sqrt_price_from_input(sqrt_price_x64: int, liquidity: int, amount_in: int, *, zero_for_one: bool) -> int:
    """Price after `amount_in` has gone in: rounded up when token 0 goes in, down when token 1 does."""
    if zero_for_one:
        numerator = liquidity << 64
        return -(-numerator * sqrt_price_x64 // (numerator + amount_in * sqrt_price_x64))
    return sqrt_price_x64 + (amount_in << 64) // liquidity


def next_sqrt_price_from_output(sqrt_price_x64: int, liquidity: int, amount_out: int, *, zero_for_one: bool) -> int:
    """Price after `amount_out` has gone out: rounded up when token 0 goes out, down when token 1 does.

    The amount must be below what the liquidity holds, which the walk has checked.
    """
    if zero_for_one:
        return sqrt_price_x64 + (-(amount_out << 64) // liquidity)
    numerator = liquidity << 64
    return -(-numerator * sqrt_price_x64 // (numerator - amount_out * sqrt_price_x64))
