"""How much an executor remembers of the claims of others; the settings keep below it what is to be remembered."""

from typing import Final

__all__ = ["REMEMBERED_COUNT_MAX", "REMEMBERED_NS"]

REMEMBERED_COUNT_MAX: Final = 10_000
REMEMBERED_NS: Final = 600_000_000_000
