"""What size does to a price: the part lost to it, and how much moves it by 1 %. Floats: for scores and display only.

On a constant-product curve, and inside one range of a concentrated pool, the average price has lost 1 - sqrt(1 - m)
when the marginal one has lost m. So the input that moves the price by 1 % is where the average has lost
1 - sqrt(0.99), which a ladder can tell without any DEX's own terms.

`pool_prices` keeps what is measured here of each pool held, and takes the first look for a depth in C.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quote_core.dex.pool import ChainClock, Direction, Pool, Pricing
from quote_core.units import U64_MAX

__all__ = [
    "AVERAGE_LOSS",
    "KEPT_ERROR",
    "ROUNDING_UNITS",
    "Curve",
    "curve_of",
    "depth_amount",
    "price_impact",
]

_PRICE_MOVE: Final = 0.01
AVERAGE_LOSS: Final = 1 - math.sqrt(1 - _PRICE_MOVE)
_WARM_FACTORS: Final = (0.5, 0.8, 1.0, 1.25, 2.0)
_COLD_STEPS: Final = 17
KEPT_ERROR: Final = 0.01
"""A depth whose own loss is this near to the mark is still right: the price need not be asked at other amounts."""
ROUNDING_UNITS: Final = 1_000
"""Trades of so few units that rounding alone, of fee or output, can look like a loss of 0.1 % tell nothing."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One direction of one pool state, as scores see it.

    `net_price` is marginal smallest output units per smallest input unit after the trading fee.
    """

    net_price: float
    fee_fraction: float
    depth_amount: int


def curve_of(
    pool: Pool,
    direction: Direction,
    clock: ChainClock,
    *,
    depth_before: int,
    spot: float | None = None,
    pricing: Pricing | None = None,
) -> Curve:
    """Measure one direction.

    Args:
        pool: The pool as it is.
        direction: Which token goes in.
        clock: The chain's time.
        depth_before: A guess, such as the last depth, or 0.
        spot: The pool's `spot_price`, where it is known already.
        pricing: Its `pricing`, where that is there already.

    Raises:
        NotTradable: See `Pool.check_tradable`.
    """
    if spot is None:
        spot = pool.spot_price(clock)
    if direction is Direction.B_TO_A:
        spot = 1 / spot if spot > 0 else 0.0
    fee = pool.fee_fraction(direction, clock)
    net_price = spot * (1 - fee)
    ladder = pool.pricing(direction, clock) if pricing is None else pricing
    return Curve(net_price, fee, depth_amount(ladder, net_price, guess=depth_before))


def price_impact(amount_in: int, amount_out: int, net_price: float) -> float:
    """Fraction of the marginal price lost to size, fees aside; never below 0."""
    if net_price <= 0 or amount_in <= 0:
        return 0.0
    return max(0.0, 1 - amount_out / amount_in / net_price)


def depth_amount(ladder: Pricing, net_price: float, *, guess: int) -> int:
    """Input that moves the price by 1 %, to about two percent; where liquidity ends before, what it still fills.

    A guess that is right to a percent is kept: most swaps leave the depth as it was, which one amount tells.

    Args:
        ladder: Outputs for ascending inputs, 0 where refused.
        net_price: Marginal output per input after fees.
        guess: Where to look first; 0 = everywhere.
    """
    if net_price <= 0:
        return 0
    if guess > 0:
        near = float(guess)
        if min(guess, guess * net_price) >= ROUNDING_UNITS:
            loss = price_impact(guess, ladder((guess,))[0], net_price)
            if _is_right(loss):
                return guess
            if loss > 0:
                near *= AVERAGE_LOSS / loss  # small losses grow with the amount
        amounts = [min(U64_MAX, max(1, round(near * factor))) for factor in _WARM_FACTORS]
        outputs = ladder(amounts)
        middle = len(amounts) // 2
        if min(near, near * net_price) >= ROUNDING_UNITS and _is_right(
            price_impact(amounts[middle], outputs[middle], net_price)
        ):
            return amounts[middle]
        found = _crossing(amounts, outputs, net_price)
        if found is not None:
            return round(found[1])
    low, high = 1.0, float(U64_MAX)
    crossing = high
    for _ in range(3):  # the ratio of the bracket falls from 2^64 over 16 and 1.19 to 1.011
        ratio = (high / low) ** (1 / (_COLD_STEPS - 1))
        amounts = sorted({min(U64_MAX, max(1, round(low * ratio**step))) for step in range(_COLD_STEPS)})
        found = _crossing(amounts, ladder(amounts), net_price)
        if found is None:
            break
        low, crossing, high = found
    return min(U64_MAX, round(crossing))


def _is_right(loss: float) -> bool:
    return abs(loss - AVERAGE_LOSS) <= KEPT_ERROR * AVERAGE_LOSS


def _crossing(amounts: Sequence[int], outputs: Sequence[int], net_price: float) -> tuple[float, float, float] | None:
    """Find where the loss passes its mark: the amount below, the one interpolated, the one above."""
    below: tuple[float, float] | None = None
    for amount, output in zip(amounts, outputs, strict=True):
        if min(amount, amount * net_price) < ROUNDING_UNITS:
            below = (float(amount), 0.0)
            continue
        loss = price_impact(amount, output, net_price)
        if loss >= AVERAGE_LOSS:
            if below is None:
                return None
            share = (AVERAGE_LOSS - below[1]) / (loss - below[1])
            return below[0], below[0] + (amount - below[0]) * share, float(amount)
        below = (float(amount), loss)
    return None
