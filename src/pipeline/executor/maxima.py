"""What no setting of an executor may exceed: the hard stops' own bounds, changed in this file and nowhere else."""

from typing import Final

__all__ = ["DAILY_LOSS_LAMPORTS_MAX", "PAIR_EXPOSURE_LAMPORTS_MAX", "TRADES_PER_MINUTE_MAX"]

TRADES_PER_MINUTE_MAX: Final = 6_000
"""Twice what the streams are sized for."""

PAIR_EXPOSURE_LAMPORTS_MAX: Final = 100_000 * 1_000_000_000
"""Ten of the largest trades that the settings allow as delivered, in one pair at once."""

DAILY_LOSS_LAMPORTS_MAX: Final = 1_000 * 1_000_000_000
