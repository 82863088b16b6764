"""What walks over ticks and bins share: the order of arrays, and what may end any of them.

A DEX's own refusals stand with its walk.
"""

from collections.abc import Iterator
from typing import Final

__all__ = ["STEP_COUNT_MAX", "MathOverflow", "TooManySteps", "set_positions"]

STEP_COUNT_MAX: Final = 10_000
"""A bound on fee steps; a transaction's 1.4 million compute units pay for a few hundred."""


class MathOverflow(Exception):
    """The program's arithmetic aborts here."""


class TooManySteps(Exception):
    """The walk takes more steps than `STEP_COUNT_MAX`."""


def set_positions(bits: int, position: int, *, downwards: bool) -> Iterator[int]:
    """Give the set bits of a bitmap from `position` on, itself included, outwards."""
    bits = bits & ((1 << (position + 1)) - 1) if downwards else bits >> position << position
    while bits:
        found = bits.bit_length() - 1 if downwards else (bits & -bits).bit_length() - 1
        yield found
        bits ^= 1 << found
