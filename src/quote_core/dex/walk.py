"""What walks over ticks and bins share: the order of arrays, and what may end any of them.

A DEX's own refusals stand with its walk.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["STEP_COUNT_MAX", "MathOverflow", "SetPositions", "TooManySteps", "WalkPiece", "set_positions"]

STEP_COUNT_MAX: Final = 10_000
"""A bound on fee steps; a transaction's 1.4 million compute units pay for a few hundred."""


class WalkPiece(NamedTuple):
    """A part of a walk at one rate: what goes in, fees included, and comes out. Amounts as the vaults see them.

    `place` is the bin traded in, else the square root of the price, x 2^64, that was reached; `liquidity` that of the
    way there, 0 where there is none to tell of.
    """

    place: int
    liquidity: int
    amount_in: int
    amount_out: int
    fee_amount: int


class MathOverflow(Exception):
    """The program's arithmetic aborts here."""


class TooManySteps(Exception):
    """The walk takes more steps than `STEP_COUNT_MAX`."""


@lru_cache(maxsize=1_024)
def set_positions(bits: int, position: int, *, downwards: bool) -> "SetPositions":
    """Give the set bits of a bitmap from `position` on, itself included, outwards.

    A pool asks for the same ones with every change, as long as its price stays within an array.
    """
    return SetPositions(bits & ((1 << (position + 1)) - 1) if downwards else bits >> position << position, downwards)


class SetPositions:
    """The positions of set bits from one end on, looked for once and only as far as somebody asks."""

    def __init__(self, bits: int, downwards: bool) -> None:
        self._bits_left = bits
        self._downwards = downwards
        self._found: list[int] = []

    def __iter__(self) -> Iterator[int]:
        count = 0
        while count < len(self._found) or self._look_on():
            yield self._found[count]
            count += 1

    def _look_on(self) -> bool:
        """Find one more; False when there is none."""
        left = self._bits_left
        if not left:
            return False
        found = left.bit_length() - 1 if self._downwards else (left & -left).bit_length() - 1
        self._bits_left = left ^ (1 << found)
        self._found.append(found)
        return True
