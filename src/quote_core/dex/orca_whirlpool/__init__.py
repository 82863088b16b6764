"""Orca Whirlpool: concentrated liquidity over three tick arrays at a time, with a static or an adaptive fee.

`layout` decodes accounts, `ticks` is tick and price math, `adaptive_fee` the fee that follows volatility, `swap` the
walk, `pool` the `Pool`.
"""

from quote_core.dex.orca_whirlpool.pool import PROGRAM, OrcaWhirlpoolPool

__all__ = ["PROGRAM", "OrcaWhirlpoolPool"]
