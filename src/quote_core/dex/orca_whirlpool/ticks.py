"""Tick and price math of Orca Whirlpool, bit for bit as the program computes it.

Prices are square roots in Q64.64. Amounts that cannot be represented are `None` where the program goes on without
them, and `MathOverflow` where it aborts.

Source: orca-so/whirlpools, programs/whirlpool/src/math/{tick_math,token_math,swap_math}.rs.
"""

from functools import lru_cache
from typing import Final

from quote_core.dex.fixed_point import Q64
from quote_core.dex.sqrt_price import (
    MAX_TICK,
    MIN_SQRT_PRICE_X64,
    MIN_TICK,
    amount_a,
    amount_b,
    greatest_tick_at,
    next_from_a,
    next_from_b,
)
from quote_core.dex.walk import MathOverflow
from quote_core.units import U64_MAX, U128_MAX, U256_MAX

__all__ = [
    "DOWN_X64",
    "MAX_SQRT_PRICE_X64",
    "UP_X96",
    "delta_a",
    "delta_b",
    "next_sqrt_price",
    "sqrt_price_at_tick",
    "tick_at_sqrt_price",
]

MAX_SQRT_PRICE_X64: Final = 79226673515401279992447579055

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
    ratio = Q64
    for bit, factor in enumerate(DOWN_X64):
        if -tick >> bit & 1:
            ratio = ratio * factor >> 64
    return ratio


def tick_at_sqrt_price(sqrt_price_x64: int) -> int:
    """Give the greatest tick whose price is at most `sqrt_price_x64`."""
    return greatest_tick_at(sqrt_price_x64, sqrt_price_at_tick)


def delta_a(price_x64: int, other_x64: int, liquidity: int, *, round_up: bool) -> int | None:
    """Token A between two prices, rounded once; None when it does not fit 64 bits.

    Raises:
        MathOverflow: The 256-bit product overflows.
    """
    if liquidity * abs(price_x64 - other_x64) << 64 > U256_MAX:
        raise MathOverflow("liquidity times price range")
    amount = amount_a(price_x64, other_x64, liquidity, round_up=round_up)
    return amount if amount <= U64_MAX else None


def delta_b(price_x64: int, other_x64: int, liquidity: int, *, round_up: bool) -> int | None:
    """Token B between two prices; None when the product or the result does not fit."""
    if liquidity * abs(price_x64 - other_x64) > U128_MAX:
        return None
    amount = amount_b(price_x64, other_x64, liquidity, round_up=round_up)
    return amount if amount <= U64_MAX else None


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
    result = next_from_b(price_x64, liquidity, amount, is_input=is_input)
    if not 0 <= result <= U128_MAX:
        raise MathOverflow("price")
    return result


def _next_from_a(price_x64: int, liquidity: int, amount: int, *, is_input: bool) -> int:
    if amount == 0:
        return price_x64
    if liquidity * price_x64 << 64 > U256_MAX:
        raise MathOverflow("liquidity times price")
    if not is_input and amount * price_x64 >= liquidity << 64:
        raise MathOverflow("more output than the liquidity holds")
    result = next_from_a(price_x64, liquidity, amount, is_input=is_input)
    if not MIN_SQRT_PRICE_X64 <= result <= MAX_SQRT_PRICE_X64:
        raise MathOverflow("price outside the program's range")
    return result
