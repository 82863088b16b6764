"""Spare the event loop the garbage collector's look at what a market holds.

A full collection looks through every object there is, and a market of 5,000 pools is a million that stay as long as the
process: half a second in which no quote is served. Once what is held has come to rest, it is set apart from what is
collected. What a swap replaces of it, and a pool let go, is freed like anything else, when nobody refers to it any
more. Only what refers to itself would stay, which nothing of a pool does.
"""

import gc
from typing import Final

__all__ = ["CollectorRest"]

_GROWTH_MIN: Final = 1.1
"""By how much what is held must have grown to be set apart again: so it happens a few times in a process's life."""


class CollectorRest:
    """Watches how much is held; shown the count now and then."""

    def __init__(self) -> None:
        self._count_before = 0
        self._rested_count = 0

    def look(self, held_count: int) -> bool:
        """Set everything apart if what is held has grown and grows no more; whether it was done."""
        is_quiet, self._count_before = held_count == self._count_before, held_count
        if not is_quiet or held_count <= self._rested_count * _GROWTH_MIN:
            return False
        gc.collect(1)  # the young ones, which are quickly looked through, so that little garbage is set apart
        gc.freeze()
        self._rested_count = held_count
        return True
