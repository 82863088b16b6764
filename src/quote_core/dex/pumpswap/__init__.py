"""PumpSwap: constant product with three fees on the quote side, tiers by market cap, and virtual quote reserves.

`fees` is the fee schedule, `fill` the arithmetic of a swap, `pool` the `Pool`.
"""

from quote_core.dex.pumpswap.pool import PROGRAM, PumpSwapPool

__all__ = ["PROGRAM", "PumpSwapPool"]
