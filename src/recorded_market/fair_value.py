"""What each token is really worth, as everybody outside these pools agrees: the price that arbitrageurs trade against.

SOL in dollars walks at random around where the recorded pools stand; stable coins keep the dollar price of their
feed and LSTs the SOL value of their own account. All of it is integers, so that it is the same on every machine.
"""

from dataclasses import dataclass
from random import Random

from quote_core.units import PPM

__all__ = ["RATIO_BITS", "PriceWalk", "Value", "fair_ratio"]

RATIO_BITS = 32
"""Fraction bits of a recorded price ratio between two tokens."""

STEP_PPM_MAX = 150
"""The most that the price moves in one slot; 1.5 bps, about 1 % in a quiet hour."""
REVERSION_DIVISOR = 512
"""Each slot the price comes back by this fraction of its distance from the anchor: it stays within about 0.5 %, for
the recorded tick arrays reach only some percent to either side."""


@dataclass(frozen=True, slots=True)
class Value:
    """`numerator` lamports are worth `denominator` smallest units of a token."""

    numerator: int
    denominator: int

    def through(self, ratio_x32: int) -> "Value":
        """Value of a token of which one unit costs `ratio_x32` / 2^32 units of this one."""
        return Value(self.numerator * ratio_x32, self.denominator << RATIO_BITS)


def fair_ratio(a: Value, b: Value) -> tuple[int, int]:
    """Smallest units of B that are worth one smallest unit of A, as numerator and denominator."""
    return a.numerator * b.denominator, a.denominator * b.numerator


class PriceWalk:
    """A price that wanders around its anchor; pure integers, one step a slot."""

    def __init__(self, anchor: int) -> None:
        self._anchor = anchor
        self.price = anchor

    def step(self, random: Random) -> None:
        """Move on one slot."""
        span = self._anchor * STEP_PPM_MAX // PPM
        self.price += random.randrange(-span, span + 1) + (self._anchor - self.price) // REVERSION_DIVISOR
