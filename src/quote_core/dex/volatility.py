"""The fee that follows volatility, as far as the three DEXes that have one compute it alike.

A walk has an accumulator: how far it stands from a reference index (a group of ticks, a tick spacing, a bin), in
1/10,000, plus what decay has left of earlier walks. The variable part of the rate is the square of that distance in
ticks or bins, times a control factor. When references are renewed and where the rate changes is each DEX's own.

The C of the compiled ladders is `volatility.pxd`.
"""

from typing import Final

from quote_core.dex.fixed_point import div_ceil

__all__ = [
    "TICK_RATE_DENOMINATOR",
    "VOLATILITY_SCALE",
    "accumulator_at",
    "decayed_reference",
    "turns_of_volatility",
    "volatile_rate",
]

VOLATILITY_SCALE: Final = 10_000
TICK_RATE_DENOMINATOR: Final = 100_000 * VOLATILITY_SCALE**2
"""What Whirlpool and CLMM, which count rates in parts per million, divide the variable part by."""


def accumulator_at(index: int, *, index_reference: int, volatility_reference: int, accumulator_max: int) -> int:
    """Give the accumulator of a walk that stands at `index`."""
    return min(volatility_reference + abs(index_reference - index) * VOLATILITY_SCALE, accumulator_max)


def decayed_reference(accumulator: int, reduction_factor: int) -> int:
    """Give what is left of an accumulator within the decay period, rounded down; the factor is in 1/10,000."""
    return accumulator * reduction_factor // VOLATILITY_SCALE


def turns_of_volatility(last_unix_s: int, filter_period_s: int, decay_period_s: int) -> tuple[int, int]:
    """Give when the memory of the last walk comes to be renewed otherwise: decayed in part, then forgotten.

    Between these times the fee of a swap does not follow time.
    """
    return last_unix_s + filter_period_s, last_unix_s + decay_period_s


def volatile_rate(
    static_rate: int, *, control: int, accumulator: int, step: int, denominator: int, rate_max: int
) -> int:
    """Give static_rate + ceil(control * (accumulator * step)^2 / denominator), at most `rate_max`."""
    crossed = accumulator * step
    return min(static_rate + div_ceil(control * crossed * crossed, denominator), rate_max)
