"""The arithmetic of a CPMM swap: integers in, integers out, equal to the program to the last unit.

The creator fee is charged on the input or the output. On the input it shares one ceil with the trade fee and is then
split off with a floor; two ceils, as some clients do it, can cost one unit more.
"""

from dataclasses import dataclass

from quote_core.dex.constant_product import curve_in_ceil, curve_out_floor
from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.spl_token import NO_TRANSFER_FEE, TransferFee
from quote_core.units import PPM

__all__ = ["CpmmFees", "CpmmFill", "swap_exact_in", "swap_exact_out"]


@dataclass(frozen=True, slots=True)
class CpmmFees:
    """The fees of one swap direction: rates in parts per million, and which side the creator's is taken from."""

    trade_ppm: int
    creator_ppm: int
    creator_on_input: bool
    transfer_in: TransferFee = NO_TRANSFER_FEE
    transfer_out: TransferFee = NO_TRANSFER_FEE

    @property
    def input_ppm(self) -> int:
        """All that is charged on the input."""
        return self.trade_ppm + self.creator_ppm if self.creator_on_input else self.trade_ppm

    @property
    def divides_by_zero(self) -> bool:
        """Whether the program errors for every amount: it splits the input's fee in proportion to rates of zero."""
        return self.creator_on_input and self.input_ppm == 0

    def split_input_fee(self, fee: int) -> tuple[int, int]:
        """Split what was charged on the input into the trade and the creator fee; the creator's is rounded down."""
        if not self.creator_on_input or self.divides_by_zero:
            return fee, 0
        creator_fee = mul_div_floor(fee, self.creator_ppm, self.input_ppm)
        return fee - creator_fee, creator_fee


@dataclass(frozen=True, slots=True)
class CpmmFill:
    """One priced swap in the pool's own amounts: what the vaults receive and send, and the fees among it."""

    amount_in: int
    amount_out: int
    vault_received: int
    vault_sent: int
    trade_fee: int
    creator_fee: int


def swap_exact_in(reserve_in: int, reserve_out: int, amount_in: int, fees: CpmmFees) -> CpmmFill:
    """Price an exact input, equal to the program to the last unit; `amount_out` 0 means it refuses."""
    received = amount_in - fees.transfer_in.on_amount(amount_in)
    input_fee = mul_div_ceil(received, fees.input_ppm, PPM)
    trade_fee, creator_fee = fees.split_input_fee(input_fee)
    swapped = curve_out_floor(reserve_in, reserve_out, received - input_fee)
    sent = swapped
    if not fees.creator_on_input:
        creator_fee = mul_div_ceil(swapped, fees.creator_ppm, PPM)
        sent = swapped - creator_fee
    return CpmmFill(
        amount_in=amount_in,
        amount_out=sent - fees.transfer_out.on_amount(sent),
        vault_received=received,
        vault_sent=sent,
        trade_fee=trade_fee,
        creator_fee=creator_fee,
    )


def swap_exact_out(reserve_in: int, reserve_out: int, amount_out: int, fees: CpmmFees) -> CpmmFill | None:
    """Price an exact output, equal to the program to the last unit; None when the reserve does not hold it."""
    sent = amount_out + fees.transfer_out.for_net(amount_out)
    swapped = sent if fees.creator_on_input else mul_div_ceil(sent, PPM, PPM - fees.creator_ppm)
    if swapped >= reserve_out:
        return None
    net_in = curve_in_ceil(reserve_in, reserve_out, swapped)
    received = mul_div_ceil(net_in, PPM, PPM - fees.input_ppm)
    trade_fee, creator_fee = fees.split_input_fee(received - net_in)
    amount_in = received + fees.transfer_in.for_net(received)
    return CpmmFill(
        # what a transfer fee's inverse adds can be a unit more than its forward rounding takes
        amount_in=amount_in,
        amount_out=sent - fees.transfer_out.on_amount(sent),
        vault_received=amount_in - fees.transfer_in.on_amount(amount_in),
        vault_sent=sent,
        trade_fee=trade_fee,
        creator_fee=creator_fee if fees.creator_on_input else swapped - sent,
    )
