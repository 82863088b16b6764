"""What the platform itself watches, and where that stands in shared memory: what writers and traders agree on.

Row numbers below `watched_row_count` belong to the platform's own rows, for ever and whoever else subscribes to what:
pair by pair in the registry's order, forward before reverse, amount by amount. A number without a quote stays empty.
Rows of clients come after them, so that nothing a client asks for can be taken for a row to trade on.
"""

from typing import Final

__all__ = ["DEFAULT_AMOUNTS", "first_watched_row", "watched_row_count"]

_STEPS_PER_DECADE: Final = (100, 126, 158, 200, 251, 316, 398, 501, 631, 794)  # 100 x 10^(k/10), rounded
_SMALLEST_STEP_LAMPORTS: Final = 1_000_000  # 100 of them are 0.1 SOL
_DIRECTION_COUNT: Final = 2

DEFAULT_AMOUNTS: Final = tuple(
    step * _SMALLEST_STEP_LAMPORTS * 10**decade for decade in range(4) for step in _STEPS_PER_DECADE
)
"""Forty geometric amounts, ten a decade, from 0.1 to 794 SOL."""


def watched_row_count(*, pair_count: int, amount_count: int) -> int:
    """How many row numbers are the platform's own."""
    return pair_count * _DIRECTION_COUNT * amount_count


def first_watched_row(pair_position: int, *, is_reverse: bool, amount_count: int) -> int:
    """The number of a direction's first amount; its others follow in the setting's order."""
    return (pair_position * _DIRECTION_COUNT + is_reverse) * amount_count
