"""What the walk works on: plain integers, no accounts.

A `TickLine` is every initialised tick that can be reached from the current price without leaving the tick arrays
held, in ascending order, and what lies beyond each end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from quote_core.units import Pubkey

__all__ = ["ClmmState", "DynamicFee", "LineEnd", "Tick", "TickLine"]


@dataclass(frozen=True, slots=True)
class Tick:
    """One initialised tick. Order amounts are of the token sold there: token 0 above the price, token 1 below."""

    index: int
    sqrt_price_x64: int
    liquidity_net: int
    order_phase: int = 0
    orders_amount: int = 0
    part_filled_amount: int = 0

    @property
    def order_total(self) -> int:
        """Everything resting here, smallest units."""
        return self.orders_amount + self.part_filled_amount


@dataclass(frozen=True, slots=True)
class LineEnd:
    """Beyond the last tick: an array that is set but not held (`missing`), or nothing at all (None)."""

    missing: Pubkey | None


@dataclass(frozen=True, slots=True)
class TickLine:
    """Initialised ticks in ascending order; `indexes` is their tick numbers, for searching."""

    ticks: Sequence[Tick]
    below: LineEnd
    above: LineEnd
    indexes: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "indexes", [tick.index for tick in self.ticks])


@dataclass(frozen=True, slots=True)
class DynamicFee:
    """The pool's volatility parameters and memory; times in seconds, volatility in 1/10,000 tick spacings."""

    filter_period_s: int
    decay_period_s: int
    reduction_factor: int
    control: int
    accumulator_max: int
    index_reference: int
    volatility_reference: int
    accumulator: int
    last_update_unix_s: int


@dataclass(frozen=True, slots=True)
class ClmmState:
    """Everything a swap reads. `fee_on`: 0 fee from the input, 1 always token 0, 2 always token 1."""

    sqrt_price_x64: int
    tick: int
    liquidity: int
    tick_spacing: int
    trade_fee_rate: int
    fee_on: int
    dynamic_fee: DynamicFee | None
    line: TickLine
