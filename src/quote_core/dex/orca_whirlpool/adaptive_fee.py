"""The adaptive fee: a rate that grows with the ticks crossed and decays with time.

Ticks are grouped. While the price walks, the volatility accumulator is the distance, in groups, from a reference
group, plus what decay has left of earlier volatility. The rate is renewed before every step, so the walk is cut at
group boundaries, but only inside the core range: beyond it the accumulator is at its maximum and cannot change.

Source: orca-so/whirlpools, programs/whirlpool/src/manager/fee_rate_manager.rs and state/oracle.rs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from quote_core.dex.fixed_point import div_ceil
from quote_core.dex.orca_whirlpool.ticks import sqrt_price_at_tick, tick_at_sqrt_price
from quote_core.dex.sqrt_price import MAX_TICK, MIN_TICK
from quote_core.dex.volatility import (
    TICK_RATE_DENOMINATOR,
    VOLATILITY_SCALE,
    accumulator_at,
    decayed_reference,
    turns_of_volatility,
    volatile_rate,
)
from quote_core.dex.walk import MathOverflow

__all__ = ["FEE_RATE_MAX", "AdaptiveFee", "FeeManager"]

FEE_RATE_MAX: Final = 100_000
REFERENCE_AGE_S_MAX: Final = 3_600


@dataclass(frozen=True, slots=True)
class AdaptiveFee:
    """Constants and memory of the oracle account; times in unix seconds, volatility in 1/10,000 groups."""

    filter_period_s: int
    decay_period_s: int
    reduction_factor: int
    control_factor: int
    accumulator_max: int
    tick_group_size: int
    major_swap_threshold_ticks: int
    last_reference_update_unix_s: int
    last_major_swap_unix_s: int
    volatility_reference: int
    group_reference: int
    accumulator: int

    def turning_times(self) -> Iterator[int]:
        """Give the unix times from which `at_swap_start` renews otherwise; before the first of them it refuses."""
        last = max(self.last_reference_update_unix_s, self.last_major_swap_unix_s)
        yield last
        yield from turns_of_volatility(last, self.filter_period_s, self.decay_period_s)
        yield self.last_reference_update_unix_s + REFERENCE_AGE_S_MAX + 1

    def at_swap_start(self, *, tick: int, unix_timestamp: int) -> "AdaptiveFee":
        """Renew the references before a swap.

        Raises:
            MathOverflow: The clock is earlier than what the account has seen.
        """
        last = max(self.last_reference_update_unix_s, self.last_major_swap_unix_s)
        elapsed_s = unix_timestamp - last
        if elapsed_s < 0:
            raise MathOverflow("the clock is earlier than the oracle's stamps")
        too_old = unix_timestamp - self.last_reference_update_unix_s > REFERENCE_AGE_S_MAX
        if elapsed_s < self.filter_period_s and not too_old:
            return self
        decays = elapsed_s < self.decay_period_s and not too_old
        return replace(
            self,
            group_reference=tick // self.tick_group_size,
            volatility_reference=decayed_reference(self.accumulator, self.reduction_factor) if decays else 0,
            last_reference_update_unix_s=unix_timestamp,
        )

    def after_swap(self, *, before_x64: int, after_x64: int, unix_timestamp: int) -> "AdaptiveFee":
        """Stamp a swap that moved the price by the threshold or more."""
        smaller, larger = sorted((before_x64, after_x64))
        if larger >= smaller * sqrt_price_at_tick(self.major_swap_threshold_ticks) >> 64:
            return replace(self, last_major_swap_unix_s=unix_timestamp)
        return self

    def with_accumulator(self, group: int) -> "AdaptiveFee":
        """Set the accumulator for a walk that stands in `group`."""
        accumulator = accumulator_at(
            group,
            index_reference=self.group_reference,
            volatility_reference=self.volatility_reference,
            accumulator_max=self.accumulator_max,
        )
        return replace(self, accumulator=accumulator)

    def rate(self, static_rate: int) -> int:
        """The rate of a step, parts per million, at most 10 %."""
        return volatile_rate(
            static_rate,
            control=self.control_factor,
            accumulator=self.accumulator,
            step=self.tick_group_size,
            denominator=TICK_RATE_DENOMINATOR,
            rate_max=FEE_RATE_MAX,
        )


class FeeManager:
    """The fee while one swap walks; without an adaptive fee it never cuts a step."""

    def __init__(self, static_rate: int, adaptive: AdaptiveFee | None, *, tick: int, a_to_b: bool) -> None:
        self._static_rate = static_rate
        self.adaptive = adaptive
        self._a_to_b = a_to_b
        if adaptive is not None:
            self._size = adaptive.tick_group_size
            self._group = tick // self._size
            distance = div_ceil(adaptive.accumulator_max - adaptive.volatility_reference, VOLATILITY_SCALE)
            self._lower_group = adaptive.group_reference - distance
            self._upper_group = adaptive.group_reference + distance
            lower_tick, upper_tick = self._lower_group * self._size, (self._upper_group + 1) * self._size
            self._lower_edge_x64 = sqrt_price_at_tick(lower_tick) if MIN_TICK < lower_tick < MAX_TICK else None
            self._upper_edge_x64 = sqrt_price_at_tick(upper_tick) if MIN_TICK < upper_tick < MAX_TICK else None

    def next_rate(self) -> int:
        """Renew the accumulator, and give the rate of the next step."""
        if self.adaptive is None:
            return self._static_rate
        self.adaptive = self.adaptive.with_accumulator(self._group)
        return self.adaptive.rate(self._static_rate)

    def bound(self, target_x64: int, liquidity: int) -> tuple[int, bool]:
        """Where the next step must stop, and whether that is not a group boundary."""
        if self.adaptive is None or self.adaptive.control_factor == 0 or liquidity == 0:
            return target_x64, True
        below = self._lower_edge_x64 is not None and self._group < self._lower_group
        above = self._upper_edge_x64 is not None and self._group > self._upper_group
        moving_away, moving_back = (below, above) if self._a_to_b else (above, below)
        if moving_away:
            return target_x64, True
        if self._a_to_b:
            boundary = max(self._group * self._size, MIN_TICK)
            edge = self._upper_edge_x64 if moving_back else sqrt_price_at_tick(boundary)
            return max(target_x64, edge or 0), moving_back
        boundary = min((self._group + 1) * self._size, MAX_TICK)
        edge = self._lower_edge_x64 if moving_back else sqrt_price_at_tick(boundary)
        return min(target_x64, edge or target_x64), moving_back

    def advance(self, *, skipped: bool, sqrt_price_x64: int) -> None:
        """Move one group on; after an uncut step first find the group the price has reached."""
        if self.adaptive is None:
            return
        if skipped:
            tick = tick_at_sqrt_price(sqrt_price_x64)
            on_boundary = tick % self._size == 0 and sqrt_price_at_tick(tick) == sqrt_price_x64
            last = tick // self._size - (1 if on_boundary and not self._a_to_b else 0)
            if last < self._group if self._a_to_b else last > self._group:
                self._group = last
                self.adaptive = self.adaptive.with_accumulator(last)
        self._group += -1 if self._a_to_b else 1
