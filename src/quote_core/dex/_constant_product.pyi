"""Ladders of the constant-product DEXes, in C. Element i of the answer is the output for `amounts_in[i]`, 0 if refused.

Amounts may be any sequence of integers of 64 bits; an `array("Q")` is read in place.
"""

from array import array
from collections.abc import Sequence

def amm_v4_ladder(
    amounts_in: Sequence[int], reserve_in: int, reserve_out: int, fee_numerator: int, fee_denominator: int, /
) -> array[int]:
    """Raydium AMM V4; the fee fraction is below one."""

def cpmm_ladder(
    amounts_in: Sequence[int],
    reserve_in: int,
    reserve_out: int,
    vault_in_amount: int,
    input_ppm: int,
    output_ppm: int,
    transfer_in_bps: int,
    transfer_in_max: int,
    transfer_out_bps: int,
    transfer_out_max: int,
    /,
) -> array[int]:
    """Raydium CPMM; `output_ppm` is the creator fee where it is charged on the output, else 0."""

def pumpswap_ladder(
    amounts_in: Sequence[int],
    base_reserve: int,
    quote_reserve: int,
    quote_vault: int,
    lp_bps: int,
    protocol_bps: int,
    creator_bps: int,
    /,
    *,
    is_sale: bool,
) -> array[int]:
    """PumpSwap, base in when `is_sale`, else quote in; the rates sum to less than one."""
