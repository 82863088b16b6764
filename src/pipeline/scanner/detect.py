"""Find what gains, in values alone: quotes in, at most one finding a pair out.

Two hops. Forward row: SOL to X for amount `a`. Reverse row: X to SOL whose input is nearest to what forward gives,
and within `size_tolerance_bps` of it. Rows are fixed sizes, so the reverse output is scaled to exactly what forward
gives, rounded down:

    amount_out = floor(reverse.output * forward.output / reverse.input)
    gross      = amount_out - a
    net        = gross - flash-loan fee - tip - network fee

A gain or a divergence beyond `BPS_MAX` is no finding but an error in a quote; it is counted apart.

Scaling up within the tolerance overstates the output by the price impact of a few per cent more size; the planner's
simulation on pool state has the last word. Of all amounts of a pair the one with the highest net profit is taken.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.costs import CostRates, Costs, round_trip_costs
from quote_core.units import AMOUNT_MAX, BPS

__all__ = ["BPS_MAX", "Divergence", "Leg", "RoundTrip", "Thresholds", "best_round_trip", "divergence"]

BPS_MAX: Final = 1_000_000
"""A hundred times the stake, or a rate a hundred times off. Within it all numbers of an event fit their fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One usable quote of one direction; `version` tells whether the entry still holds it.

    `vouched_unix_ns` is when it was last known true, by the wall clock.
    """

    row: int
    version: int
    input_amount: int
    output_amount: int
    vouched_unix_ns: int
    route_id: int
    slot: int
    confidence_bps: int
    price_impact_ppm: int
    oracle_price: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From where on something is worth telling."""

    gross_profit_bps_min: int
    divergence_bps_min: int
    size_tolerance_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """Forward and reverse of one economic size."""

    forward: Leg
    reverse: Leg
    amount_out: int
    costs: Costs

    @property
    def gross_profit_lamports(self) -> int:
        """Before costs."""
        return self.amount_out - self.forward.input_amount

    @property
    def net_profit_lamports(self) -> int:
        """After all costs."""
        return self.gross_profit_lamports - self.costs.total_lamports

    @property
    def gross_profit_bps(self) -> int:
        """Of the amount put in, rounded down."""
        return self.gross_profit_lamports * BPS // self.forward.input_amount

    @property
    def slot(self) -> int:
        """The newer leg's."""
        return max(self.forward.slot, self.reverse.slot)

    @property
    def oldest(self) -> Leg:
        """The leg vouched for least lately."""
        return min(self.forward, self.reverse, key=lambda leg: leg.vouched_unix_ns)

    @property
    def is_plausible(self) -> bool:
        """Whether it is within what there can be."""
        return self.gross_profit_bps <= BPS_MAX and self.amount_out <= AMOUNT_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """A quote whose rate is off its oracle price; both are whole output tokens per whole input token."""

    leg: Leg
    rate: float
    oracle_price: float
    divergence_bps: int

    @property
    def is_plausible(self) -> bool:
        """Whether it is within what there can be."""
        return abs(self.divergence_bps) <= BPS_MAX


def best_round_trip(
    forwards: Iterable[Leg], reverses: Iterable[Leg], *, rates: CostRates, thresholds: Thresholds
) -> RoundTrip | None:
    """The most profitable round trip of one pair, if any is above the threshold and gains after costs."""
    by_input = sorted(reverses, key=lambda leg: leg.input_amount)
    best: RoundTrip | None = None
    for forward in forwards:
        reverse = _nearest(by_input, forward.output_amount, tolerance_bps=thresholds.size_tolerance_bps)
        if reverse is None:
            continue
        amount_out = reverse.output_amount * forward.output_amount // reverse.input_amount
        if amount_out <= forward.input_amount:
            continue  # most trips: not worth computing costs for
        costs = round_trip_costs(forward.input_amount, hop_count=2, rates=rates)
        trip = RoundTrip(forward=forward, reverse=reverse, amount_out=amount_out, costs=costs)
        if (
            trip.gross_profit_bps >= thresholds.gross_profit_bps_min
            and trip.net_profit_lamports > 0
            and (best is None or trip.net_profit_lamports > best.net_profit_lamports)
        ):
            best = trip
    return best


def divergence(
    legs: Iterable[Leg], *, input_decimals: int, output_decimals: int, thresholds: Thresholds
) -> Divergence | None:
    """How far the smallest quote of one direction is off the oracle, if beyond the threshold.

    The smallest, because its own price impact moves it least.
    """
    leg = min((leg for leg in legs if leg.oracle_price), key=lambda leg: leg.input_amount, default=None)
    if leg is None or leg.oracle_price is None:
        return None
    rate = leg.output_amount / leg.input_amount * 10.0 ** (input_decimals - output_decimals)
    divergence_bps = round((min(rate / leg.oracle_price, 2.0 * BPS_MAX) - 1.0) * BPS)
    if abs(divergence_bps) < thresholds.divergence_bps_min:
        return None
    return Divergence(leg=leg, rate=rate, oracle_price=leg.oracle_price, divergence_bps=divergence_bps)


def _nearest(by_input: Sequence[Leg], amount: int, *, tolerance_bps: int) -> Leg | None:
    """The leg whose input is nearest to `amount`, the higher output among equals, or none within the tolerance."""
    position = bisect_left(by_input, amount, key=lambda leg: leg.input_amount)
    inputs = {by_input[near].input_amount for near in (position - 1, position) if 0 <= near < len(by_input)}
    if not inputs:
        return None
    nearest = min(inputs, key=lambda size: (abs(size - amount), size))
    if abs(nearest - amount) * BPS > amount * tolerance_bps:
        return None
    first = bisect_left(by_input, nearest, key=lambda leg: leg.input_amount)
    last = bisect_left(by_input, nearest + 1, key=lambda leg: leg.input_amount)
    return max(by_input[first:last], key=lambda leg: leg.output_amount)
