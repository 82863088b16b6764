"""Exact integer division with the rounding in the name.

The on-chain programs round every division in a stated direction; these are the only divisions pool math uses.
Python integers do not overflow, so the callers say where a program's own width would.
"""

from typing import Final

__all__ = ["Q64", "div_ceil", "mul_div_ceil", "mul_div_floor"]

Q64: Final = 1 << 64
"""One, as Q64.64 writes it: prices and their square roots have 64 bits behind the point."""


def div_ceil(numerator: int, denominator: int) -> int:
    """Divide non-negative integers, rounding up."""
    return -(-numerator // denominator)


def mul_div_floor(a: int, b: int, denominator: int) -> int:
    """Give `a * b / denominator`, rounded down; the product is never cut."""
    return a * b // denominator


def mul_div_ceil(a: int, b: int, denominator: int) -> int:
    """Give `a * b / denominator`, rounded up; the product is never cut."""
    return -(-a * b // denominator)
