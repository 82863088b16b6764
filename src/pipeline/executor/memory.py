"""How much, and how long, an executor remembers of others; the settings keep below it what is to be remembered."""

from typing import Final

__all__ = ["REMEMBERED_COUNT_MAX", "REMEMBERED_NS", "RETURN_GRACE_NS"]

REMEMBERED_COUNT_MAX: Final = 10_000
REMEMBERED_NS: Final = 600_000_000_000
RETURN_GRACE_NS: Final = 3_000_000_000
"""How long after its time in hand a plan's ending may still be told, by an executor that was cut off from the bus."""
