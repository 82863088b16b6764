"""Meteora DLMM: liquidity in price bins, a fee that follows volatility, limit orders.

`layout` decodes accounts, `bins` is price and conversion math, `swap` the walk, `pool` the `Pool`.
"""

from quote_core.dex.meteora_dlmm.pool import PROGRAM, MeteoraDlmmPool

__all__ = ["PROGRAM", "MeteoraDlmmPool"]
