"""How much to trade: searches on the exact swap, which know nothing of how a pool works inside.

Both searches go up from a small amount by doubling, so that they never price an amount far above the answer: on
concentrated pools a huge amount is a long walk.
"""

from collections.abc import Callable
from fractions import Fraction

from quote_core.dex.pool import ChainClock, Direction, Pool, SwapMode
from quote_core.errors import MarketError
from quote_core.units import BPS

__all__ = ["amount_for_impact", "amount_for_profit"]

AMOUNT_FIRST = 1 << 16
DOUBLING_COUNT_MAX = 40
REFINE_COUNT = 8


def amount_for_impact(pool: Pool, direction: Direction, impact_bps: int, clock: ChainClock) -> int:
    """The input that moves the pool's price by about `impact_bps`; 0 when not even a small one goes through.

    The average price of a swap lies about halfway between the price before and the price after, so the answer is where
    the average has lost half of `impact_bps` against a small swap. A pool that refuses larger amounts (the end of its
    recorded liquidity) gives the largest it takes.
    """
    first = _amount_out(pool, direction, AMOUNT_FIRST, clock)
    if first == 0:
        return 0
    average_min = Fraction(first, AMOUNT_FIRST) * Fraction(2 * BPS - impact_bps, 2 * BPS)

    def is_within(amount: int) -> bool:
        amount_out = _amount_out(pool, direction, amount, clock)
        return amount_out > 0 and Fraction(amount_out, amount) >= average_min

    return _largest(is_within)


def amount_for_profit(pool: Pool, direction: Direction, fair_b_per_a: tuple[int, int], clock: ChainClock) -> int:
    """The input that gains most when it was bought, and its output is sold, outside at the fair price.

    0 when nothing gains.
    """
    numerator, denominator = fair_b_per_a
    if direction is Direction.B_TO_A:
        numerator, denominator = denominator, numerator

    def gain(amount: int) -> int:
        return _amount_out(pool, direction, amount, clock) * denominator - amount * numerator

    def still_rises(amount: int) -> bool:
        return gain(amount) > max(gain(amount * 9 // 10), 0)

    return _largest(still_rises)


def _largest(accepts: Callable[[int], bool]) -> int:
    """The largest amount accepted, to within half a percent; `accepts` is true up to some amount and false above."""
    low, high = 0, AMOUNT_FIRST
    for _ in range(DOUBLING_COUNT_MAX):
        if not accepts(high):
            break
        low, high = high, high * 2
    if low == 0:
        return 0
    for _ in range(REFINE_COUNT):
        middle = (low + high) // 2
        low, high = (middle, high) if accepts(middle) else (low, middle)
    return low


def _amount_out(pool: Pool, direction: Direction, amount_in: int, clock: ChainClock) -> int:
    try:
        return pool.swap(direction, SwapMode.EXACT_IN, amount_in, clock).amount_out
    except MarketError:
        return 0
