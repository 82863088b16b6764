"""What an opportunity proposes to trade, whichever kind it is: through which tokens, and with what in between."""

from dataclasses import dataclass
from typing import Final

from quote_core.errors import InvalidField
from quote_core.events import TriangularArbitrage, TwoHopArbitrage
from quote_core.units import Pubkey

__all__ = ["Opportunity", "ProposedTrip", "proposed_trip"]

Opportunity = TwoHopArbitrage | TriangularArbitrage
"""What may become a plan."""

_LEG_COUNTS: Final = (3, 4)


@dataclass(frozen=True, slots=True)
class ProposedTrip:
    """A trip that comes back to the token it begins with.

    Attributes:
        mints: Input of each hop.
        amounts: What goes in, and behind each hop what the scanner saw it give; one more than `mints`.
    """

    mints: tuple[Pubkey, ...]
    amounts: tuple[int, ...]

    @property
    def amount_in(self) -> int:
        """What goes in."""
        return self.amounts[0]

    @property
    def amount_out(self) -> int:
        """What comes back."""
        return self.amounts[-1]

    @property
    def hops(self) -> tuple[tuple[Pubkey, Pubkey], ...]:
        """What each hop takes and gives."""
        return tuple(zip(self.mints, (*self.mints[1:], self.mints[0]), strict=True))


def proposed_trip(opportunity: Opportunity) -> ProposedTrip:
    """Read it.

    Raises:
        InvalidField: A cycle has no three or four legs, or not one amount more: no scanner wrote that.
    """
    if isinstance(opportunity, TwoHopArbitrage):
        return ProposedTrip(
            (opportunity.input_mint, opportunity.middle_mint),
            (opportunity.amount_in, opportunity.amount_middle, opportunity.amount_out),
        )
    if len(opportunity.mints) not in _LEG_COUNTS:
        raise InvalidField("mints", f"must be three or four, are {len(opportunity.mints)}")
    if len(opportunity.amounts) != len(opportunity.mints) + 1:
        raise InvalidField("amounts", f"must be one more than mints, are {len(opportunity.amounts)}")
    return ProposedTrip(opportunity.mints, opportunity.amounts)
