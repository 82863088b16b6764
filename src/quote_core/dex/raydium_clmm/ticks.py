"""Tick and price math of Raydium CLMM, in Q64.64, bit for bit as the program computes it.

Source: raydium-io/raydium-clmm, programs/amm/src/libraries/{tick_math,sqrt_price_math,liquidity_math}.rs.
"""

from functools import lru_cache
from typing import Final

from quote_core.dex.fixed_point import Q64
from quote_core.dex.sqrt_price import MAX_TICK, MIN_TICK, greatest_tick_at
from quote_core.units import U128_MAX

__all__ = ["DOWN_X64", "MAX_SQRT_PRICE_X64", "sqrt_price_at_tick", "tick_at_sqrt_price"]

MAX_SQRT_PRICE_X64: Final = 79226673521066979257578248091

# sqrt(1.0001)^-(2^i) in Q64.64, as written in the program (its roundings are its own).
DOWN_X64: Final = (
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
    ratio = Q64
    for bit, factor in enumerate(DOWN_X64):
        if distance >> bit & 1:
            ratio = ratio * factor >> 64
    return U128_MAX // ratio if tick > 0 else ratio


def tick_at_sqrt_price(sqrt_price_x64: int) -> int:
    """Give the greatest tick whose price is at most `sqrt_price_x64`."""
    return greatest_tick_at(sqrt_price_x64, sqrt_price_at_tick)
