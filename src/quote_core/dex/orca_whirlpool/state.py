"""What the walk works on: plain integers, no accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from quote_core.dex.orca_whirlpool.adaptive_fee import AdaptiveFee
from quote_core.dex.sqrt_price import MAX_TICK, MIN_TICK

__all__ = ["TICKS_PER_ARRAY", "WhirlpoolState", "WhirlpoolTickArray", "array_sequence"]

TICKS_PER_ARRAY: Final = 88
ARRAYS_PER_SWAP: Final = 3


@dataclass(frozen=True, slots=True)
class WhirlpoolTickArray:
    """Eighty-eight tick slots; `liquidity_net` has the initialised ones, by tick index.

    An array that does not exist on chain is one without initialised ticks.
    """

    start_tick: int
    liquidity_net: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class WhirlpoolState:
    """Everything a swap reads. `arrays` is by start tick; an array that is not in it is unknown, not empty."""

    sqrt_price_x64: int
    tick: int
    liquidity: int
    tick_spacing: int
    fee_rate: int
    protocol_fee_rate_bps: int
    adaptive_fee: AdaptiveFee | None
    fee_growth_global_a_x64: int
    fee_growth_global_b_x64: int
    arrays: Mapping[int, WhirlpoolTickArray]


def array_sequence(tick: int, tick_spacing: int, *, a_to_b: bool) -> tuple[int, ...]:
    """Start ticks of the up to three arrays a swap may use, in walk order.

    Going up, the sequence begins one array higher when the tick stands within one spacing of the end of its own.
    """
    span = TICKS_PER_ARRAY * tick_spacing
    start = tick // span * span
    if not a_to_b and tick + tick_spacing >= start + span:
        start += span
    step = -span if a_to_b else span
    starts = (start + step * position for position in range(ARRAYS_PER_SWAP))
    return tuple(start for start in starts if start + span > MIN_TICK and start <= MAX_TICK)
