"""What prices the constant-product DEXes, in C: one direction of one state each."""

from quote_core.dex._ladder_frame import CompiledPricing

class AmmV4Pricing(CompiledPricing):
    """Raydium AMM V4; the fee fraction is below one."""

    def __init__(self, reserve_in: int, reserve_out: int, fee_numerator: int, fee_denominator: int, /) -> None: ...

class CpmmPricing(CompiledPricing):
    """Raydium CPMM; `output_ppm` is the creator fee where it is charged on the output, else 0."""

    def __init__(
        self,
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
    ) -> None: ...

class PumpSwapPricing(CompiledPricing):
    """PumpSwap, base in when `is_sale`, else quote in; the rates sum to less than one."""

    def __init__(
        self,
        base_reserve: int,
        quote_reserve: int,
        quote_vault: int,
        lp_bps: int,
        protocol_bps: int,
        creator_bps: int,
        /,
        *,
        is_sale: bool,
    ) -> None: ...
