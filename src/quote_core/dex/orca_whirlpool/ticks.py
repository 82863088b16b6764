"""Tick and price math of Orca Whirlpool, bit for bit as the program computes it.

Prices are square roots in Q64.64. Amounts that cannot be represented are `None` where the program goes on without
them, and `MathOverflow` where it aborts.

Source: orca-so/whirlpools, programs/whirlpool/src/math/{tick_math,token_math,swap_math}.rs.
"""

import bisect
from functools import lru_cache
from typing import Final

from quote_core.dex.fixed_point import div_ceil, mul_div_ceil

__all__ = [
    "DOWN_X64",
    "MAX_SQRT_PRICE_X64",
    "MAX_TICK",
    "MIN_SQRT_PRICE_X64",
    "MIN_TICK",
    "UP_X96",
    "MathOverflow",
    "delta_a",
    "delta_b",
    "next_sqrt_price",
    "sqrt_price_at_tick",
    "tick_at_sqrt_price",
]

MIN_TICK: Final = -443636
MAX_TICK: Final = 443636
MIN_SQRT_PRICE_X64: Final = 4295048016
MAX_SQRT_PRICE_X64: Final = 79226673515401279992447579055

_U64_MAX: Final = 2**64 - 1
_U128: Final = 2**128
_U256: Final = 2**256

# floor(1.0001^(2^i / 2) * 2^96) and floor(1.0001^(-2^i / 2) * 2^64), i = 0 .. 18; a test recomputes them.
UP_X96: Final = (
    79232123823359799118286999567,
    79236085330515764027303304731,
    79244008939048815603706035061,
    79259858533276714757314932305,
    79291567232598584799939703904,
    79355022692464371645785046466,
    79482085999252804386437311141,
    79736823300114093921829183326,
    80248749790819932309965073892,
    81282483887344747381513967011,
    83390072131320151908154831281,
    87770609709833776024991924138,
    97234110755111693312479820773,
    119332217159966728226237229890,
    179736315981702064433883588727,
    407748233172238350107850275304,
    2098478828474011932436660412517,
    55581415166113811149459800483533,
    38992368544603139932233054999993551,
)
DOWN_X64: Final = (
    18445821805675392311,
    18444899583751176498,
    18443055278223354162,
    18439367220385604838,
    18431993317065449817,
    18417254355718160513,
    18387811781193591352,
    18329067761203520168,
    18212142134806087854,
    17980523815641551639,
    17526086738831147013,
    16651378430235024244,
    15030750278693429944,
    12247334978882834399,
    8131365268884726200,
    3584323654723342297,
    696457651847595233,
    26294789957452057,
    37481735321082,
)


class MathOverflow(Exception):
    """The program's arithmetic aborts here."""


@lru_cache(maxsize=65536)
def sqrt_price_at_tick(tick: int) -> int:
    """Square root of the price at `tick`, Q64.64; `tick` in MIN_TICK .. MAX_TICK."""
    assert MIN_TICK <= tick <= MAX_TICK
    if tick >= 0:
        ratio = 1 << 96
        for bit, factor in enumerate(UP_X96):
            if tick >> bit & 1:
                ratio = ratio * factor >> 96
        return ratio >> 32
    ratio = 1 << 64
    for bit, factor in enumerate(DOWN_X64):
        if -tick >> bit & 1:
            ratio = ratio * factor >> 64
    return ratio


_ALL_TICKS: Final = range(MIN_TICK, MAX_TICK + 1)


def tick_at_sqrt_price(sqrt_price_x64: int) -> int:
    """Give the greatest tick whose price is at most `sqrt_price_x64`."""
    return MIN_TICK + bisect.bisect_right(_ALL_TICKS, sqrt_price_x64, key=sqrt_price_at_tick) - 1


def delta_a(price_x64: int, other_x64: int, liquidity: int, *, round_up: bool) -> int | None:
    """Token A between two prices: L·2^64·Δ / (lower·upper), rounded once; None when it does not fit 64 bits.

    Raises:
        MathOverflow: The 256-bit product overflows.
    """
    lower, upper = sorted((price_x64, other_x64))
    product = liquidity * (upper - lower)
    if product << 64 >= _U256:
        raise MathOverflow("liquidity times price range")
    amount, rest = divmod(product << 64, lower * upper)
    if amount > _U64_MAX:
        return None
    amount += round_up and rest > 0
    return amount if amount <= _U64_MAX else None


def delta_b(price_x64: int, other_x64: int, liquidity: int, *, round_up: bool) -> int | None:
    """Token B between two prices: L·Δ / 2^64; None when the product or the result does not fit."""
    product = liquidity * abs(price_x64 - other_x64)
    if product >= _U128:
        return None
    amount = div_ceil(product, 1 << 64) if round_up else product >> 64
    return amount if amount <= _U64_MAX else None


def next_sqrt_price(price_x64: int, liquidity: int, amount: int, *, is_input: bool, a_to_b: bool) -> int:
    """Price after `amount` of the specified side has passed.

    Token A: rounded up. Token B: rounded down on input, and down by the ceiling on output.

    Raises:
        MathOverflow: The price would leave the program's range or its integers.
    """
    if is_input == a_to_b:
        return _next_from_a(price_x64, liquidity, amount, is_input=is_input)
    if liquidity == 0:
        raise MathOverflow("division by zero liquidity")
    shifted = amount << 64
    result = price_x64 + shifted // liquidity if is_input else price_x64 - div_ceil(shifted, liquidity)
    if not 0 <= result < _U128:
        raise MathOverflow("price")
    return result


def _next_from_a(price_x64: int, liquidity: int, amount: int, *, is_input: bool) -> int:
    if amount == 0:
        return price_x64
    product = price_x64 * amount
    if liquidity * price_x64 << 64 >= _U256:
        raise MathOverflow("liquidity times price")
    shifted = liquidity << 64
    denominator = shifted + product if is_input else shifted - product
    if denominator <= 0:
        raise MathOverflow("more output than the liquidity holds")
    result = mul_div_ceil(shifted, price_x64, denominator)
    if not MIN_SQRT_PRICE_X64 <= result <= MAX_SQRT_PRICE_X64:
        raise MathOverflow("price outside the program's range")
    return result
