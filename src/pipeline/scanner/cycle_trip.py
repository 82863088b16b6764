"""The best trip round a cycle: through the ladders of its legs, at the size that leaves most. Pure.

Each leg takes what the one before gives, of our own rows or a provider's, whichever promise more. What is promised
between two rows is the least that follows from both (`pipeline.scanner.ladder`), so a trip rests on one or two rows a
leg. Sizes are not bound to the amounts watched.
"""

from dataclasses import dataclass
from typing import NamedTuple

from pipeline.costs import CostRates, round_trip_costs
from pipeline.scanner.book import WatchedCycle
from pipeline.scanner.detect import Thresholds
from pipeline.scanner.trip import Leg, PricedTrip, oldest_of

__all__ = ["CycleTrip", "Vouched", "best_cycle_trip"]


class Vouched(NamedTuple):
    """When a row must have been vouched for to be looked at, by the wall clock."""

    oldest_unix_ns: int
    newest_unix_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleTrip(PricedTrip):
    """A trip round a cycle.

    Attributes:
        amounts: What goes in, and behind each leg what it gives at least.
        legs: Of each leg the rows it follows from, first the one it rests on.
    """

    amounts: tuple[int, ...]
    legs: tuple[tuple[Leg, ...], ...]

    @property
    def rows(self) -> tuple[Leg, ...]:
        """All rows it follows from."""
        return tuple(leg for rows in self.legs for leg in rows)

    @property
    def resting_on(self) -> tuple[Leg, ...]:
        """Of each leg the row it rests on."""
        return tuple(rows[0] for rows in self.legs)

    @property
    def slot(self) -> int:
        """The newest row's."""
        return max(leg.slot for leg in self.rows)

    @property
    def oldest(self) -> Leg:
        """The row vouched for least lately."""
        return oldest_of(self.rows)

    @property
    def confidence_bps(self) -> int:
        """The lowest of all rows."""
        return min(leg.confidence_bps for leg in self.rows)

    @property
    def price_impact_ppm(self) -> int:
        """Of all legs, each the higher one of its rows."""
        return sum(max(leg.price_impact_ppm for leg in rows) for rows in self.legs)


def best_cycle_trip(
    cycle: WatchedCycle, vouched: Vouched, *, rates: CostRates, thresholds: Thresholds
) -> CycleTrip | None:
    """The trip of the size that leaves most after costs, if any size is above the threshold and leaves anything."""
    leg_count = len(cycle.legs)
    amounts = cycle.walk.best_amounts(
        gross_bps_min=thresholds.gross_profit_bps_min,
        fee_bps=rates.flash_loan_fee_bps,
        fixed_cost=round_trip_costs(0, hop_count=leg_count, rates=rates).total_lamports,
        oldest_ns=vouched.oldest_unix_ns,
        newest_ns=vouched.newest_unix_ns,
    )
    if amounts is None:
        return None
    rows = cycle.walk.rows(amounts)
    return CycleTrip(
        amount_in=amounts[0],
        amount_out=amounts[-1],
        costs=round_trip_costs(amounts[0], hop_count=leg_count, rates=rates),
        amounts=amounts,
        legs=tuple(tuple(side[row] for row in found) for side, found in zip(cycle.legs, rows, strict=True)),
    )
