"""What the walk works on: plain integers, no accounts."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from quote_core.dex.volatility import accumulator_at, decayed_reference, volatile_rate

__all__ = [
    "BINS_PER_ARRAY",
    "FEE_DENOMINATOR",
    "PAIR_BITMAP_SIDE",
    "Bin",
    "DlmmState",
    "FeeParameters",
    "Volatility",
]

BINS_PER_ARRAY: Final = 70
PAIR_BITMAP_SIDE: Final = 512
"""Bin arrays -512 to 511 are in the pair's own bitmap, others in its extension."""
FEE_DENOMINATOR: Final = 1_000_000_000
FEE_RATE_MAX: Final = 100_000_000
VARIABLE_FEE_DENOMINATOR: Final = 100_000_000_000


@dataclass(frozen=True, slots=True)
class FeeParameters:
    """Constants of the pair; times in seconds, the reduction in 1/10,000."""

    base_factor: int
    base_fee_power_factor: int
    filter_period_s: int
    decay_period_s: int
    reduction_factor: int
    variable_fee_control: int
    accumulator_max: int

    def base_rate(self, bin_step: int) -> int:
        """The part of the rate that does not follow volatility, before the cap."""
        base: int = self.base_factor * bin_step * 10 ** (self.base_fee_power_factor + 1)
        return base

    def rate(self, bin_step: int, accumulator: int) -> int:
        """Base plus variable rate in parts per 10^9, at most 10 %; the variable part is rounded up."""
        return volatile_rate(
            self.base_rate(bin_step),
            control=self.variable_fee_control,
            accumulator=accumulator,
            step=bin_step,
            denominator=VARIABLE_FEE_DENOMINATOR,
            rate_max=FEE_RATE_MAX,
        )


@dataclass(frozen=True, slots=True)
class Volatility:
    """The pair's memory of recent walks."""

    accumulator: int
    reference: int
    index_reference: int
    last_update_unix_s: int

    def at_swap_start(self, fee: FeeParameters, *, active_id: int, unix_timestamp: int) -> "Volatility":
        """Renew the references: kept within the filter period, reduced within the decay period, then zero."""
        elapsed_s = unix_timestamp - self.last_update_unix_s
        if elapsed_s < fee.filter_period_s:
            return self
        decays = elapsed_s < fee.decay_period_s
        reference = decayed_reference(self.accumulator, fee.reduction_factor) if decays else 0
        return replace(self, index_reference=active_id, reference=reference)

    def at_bin(self, bin_id: int, *, accumulator_max: int) -> "Volatility":
        """Set the accumulator for a walk that trades in `bin_id`."""
        return replace(self, accumulator=self.accumulator_at(bin_id, accumulator_max=accumulator_max))

    def accumulator_at(self, bin_id: int, *, accumulator_max: int) -> int:
        """The accumulator of a walk that trades in `bin_id`."""
        return accumulator_at(
            bin_id,
            index_reference=self.index_reference,
            volatility_reference=self.reference,
            accumulator_max=accumulator_max,
        )


class Bin(NamedTuple):
    """One price. Orders wait on one side: `orders_sell_x` is hit by a swap that buys X.

    A tuple, for a swap changes an array, and an array is seventy of them.
    """

    bin_id: int
    price_x64: int
    amount_x: int
    amount_y: int
    open_order_amount: int = 0
    processing_total: int = 0
    processing_left: int = 0
    order_age: int = 0
    orders_sell_x: bool = False

    def layers(self, *, x_to_y: bool, with_orders: bool) -> tuple[int, int, int]:
        """What a swap finds here, in the order it is filled: market making, processed orders, open orders."""
        held = self.amount_y if x_to_y else self.amount_x
        if with_orders and self.orders_sell_x != x_to_y:
            return held, self.processing_left, self.open_order_amount
        return held, 0, 0

    def after_fill(self, *, x_to_y: bool, net_in: int, filled: tuple[int, int, int]) -> "Bin":
        """The bin as a swap leaves it: `net_in` paid to market making, `filled` taken from each layer."""
        held, processed, opened = filled
        amount_x, amount_y = (net_in, -held) if x_to_y else (-held, net_in)
        after = self._replace(
            amount_x=self.amount_x + amount_x,
            amount_y=self.amount_y + amount_y,
            processing_left=self.processing_left - processed,
        )
        if not opened:
            return after
        return after._replace(
            processing_total=self.open_order_amount,
            processing_left=self.open_order_amount - opened,
            open_order_amount=0,
            order_age=self.order_age + 1,
        )


@dataclass(frozen=True, slots=True)
class DlmmState:
    """Everything a swap reads.

    `arrays` is by array index (bin id // 70); `array_set` has bit `index + array_zero` set where the bitmaps say an
    array holds liquidity; `absent_arrays` are indexes of arrays known not to exist. `bitmap_complete`: the bitmap
    extension is held, or known not to exist; without it nothing is known of arrays further out than the pair's own
    bitmap. `has_extension`: it is held.
    """

    active_id: int
    bin_step: int
    fee: FeeParameters
    volatility: Volatility
    fee_on_y_only: bool
    with_orders: bool
    arrays: Mapping[int, tuple[Bin, ...]]
    array_set: int
    array_zero: int
    bitmap_complete: bool
    has_extension: bool = False
    absent_arrays: Set[int] = frozenset()

    @property
    def starts_outside(self) -> bool:
        """Whether only the extension knows of the active bin's array."""
        return not -PAIR_BITMAP_SIDE <= self.active_id // BINS_PER_ARRAY < PAIR_BITMAP_SIDE
