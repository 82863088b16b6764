"""Find what gains, in values alone: quotes in, at most one finding a pair out.

Two hops. Forward row: SOL to X for amount `a`. Reverse row: X to SOL whose input is nearest to what forward gives,
and within `size_tolerance_bps` of it. Rows are fixed sizes, so the reverse output is scaled to exactly what forward
gives, rounded down:

    amount_out = floor(reverse.output * forward.output / reverse.input)
    gross      = amount_out - a
    net        = gross - flash-loan fee - tip - network fee

Cycles through several pairs are `cycle_trip`'s. A gain or a divergence beyond `BPS_MAX` is no finding but an error in a
quote; it is counted apart.

Scaling up within the tolerance overstates the output by the price impact of a few per cent more size; the planner's
simulation on pool state has the last word. Of all amounts of a pair the one with the highest net profit is taken.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.costs import CostRates, round_trip_costs
from pipeline.scanner.trip import BPS_MAX, Leg, PricedTrip, oldest_of
from quote_core.units import BPS

__all__ = [
    "BPS_MAX",
    "Divergence",
    "Leg",
    "RoundTrip",
    "SourceGap",
    "Thresholds",
    "best_round_trip",
    "divergence",
    "source_gap",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From where on something is worth telling."""

    gross_profit_bps_min: int
    divergence_bps_min: int
    size_tolerance_bps: int
    source_divergence_bps_min: int = BPS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip(PricedTrip):
    """Forward and reverse of one economic size."""

    forward: Leg
    reverse: Leg

    @property
    def slot(self) -> int:
        """The newer leg's."""
        return max(self.forward.slot, self.reverse.slot)

    @property
    def oldest(self) -> Leg:
        """The leg vouched for least lately."""
        return oldest_of((self.forward, self.reverse))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceGap:
    """Our own quote and a provider's of the same amount."""

    local: Leg
    external: Leg

    @property
    def divergence_bps(self) -> int:
        """How much more ours gives than theirs, as a share of theirs, rounded towards zero."""
        more = self.local.output_amount - self.external.output_amount
        share = abs(more) * BPS // self.external.output_amount
        return share if more >= 0 else -share

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
        trip = RoundTrip(
            forward=forward, reverse=reverse, amount_in=forward.input_amount, amount_out=amount_out, costs=costs
        )
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


def source_gap(local: Iterable[Leg], external: Iterable[Leg]) -> SourceGap | None:
    """Our quote and a provider's of the smallest amount both have; `None` = they have none in common.

    The smallest, because it shows the price: of larger ones a provider that splits its routes may well give more.
    """
    theirs = {leg.input_amount: leg for leg in external}
    ours = min((leg for leg in local if leg.input_amount in theirs), key=lambda leg: leg.input_amount, default=None)
    return None if ours is None else SourceGap(local=ours, external=theirs[ours.input_amount])


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
