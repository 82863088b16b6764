"""Raydium CLMM: concentrated liquidity with dynamic fee, fee on one token, and limit orders.

`layout` decodes accounts, `ticks` is tick and price math, `swap` the walk over a line of ticks, `pool` the `Pool`.
"""

from quote_core.dex.raydium_clmm.pool import PROGRAM, RaydiumClmmPool

__all__ = ["PROGRAM", "RaydiumClmmPool"]
