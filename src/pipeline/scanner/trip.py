"""A trip from SOL back to SOL: its legs, its costs, and what it gains. The same for one pair and for a cycle. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from pipeline.costs import Costs
from quote_core.units import AMOUNT_MAX, BPS

__all__ = ["BPS_MAX", "Leg", "PricedTrip", "oldest_of"]

BPS_MAX: Final = 1_000_000
"""A hundred times the stake, or a rate a hundred times off. Within it all numbers of an event fit their fields."""


class Leg(NamedTuple):
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
class PricedTrip:
    """What goes in, what comes back, and what that costs; lamports."""

    amount_in: int
    amount_out: int
    costs: Costs

    @property
    def gross_profit_lamports(self) -> int:
        """Before costs."""
        return self.amount_out - self.amount_in

    @property
    def net_profit_lamports(self) -> int:
        """After all costs."""
        return self.gross_profit_lamports - self.costs.total_lamports

    @property
    def gross_profit_bps(self) -> int:
        """Of the amount put in, rounded down."""
        return self.gross_profit_lamports * BPS // self.amount_in

    @property
    def is_plausible(self) -> bool:
        """Whether it is within what there can be."""
        return self.gross_profit_bps <= BPS_MAX and self.amount_out <= AMOUNT_MAX


def oldest_of(legs: Iterable[Leg]) -> Leg:
    """The leg vouched for least lately, the first of equals."""
    return min(legs, key=lambda leg: leg.vouched_unix_ns)
