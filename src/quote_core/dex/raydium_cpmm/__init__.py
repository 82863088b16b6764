"""Raydium CPMM: constant product with trade and creator fees, Token-2022 transfer fees, and fees owed in the vaults.

`layout` decodes accounts, `fill` is the arithmetic of a swap, `pool` the `Pool`.
"""

from quote_core.dex.raydium_cpmm.pool import PROGRAM, RaydiumCpmmPool

__all__ = ["PROGRAM", "RaydiumCpmmPool"]
