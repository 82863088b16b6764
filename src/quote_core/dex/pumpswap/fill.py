"""The arithmetic of a PumpSwap swap: three fees on the quote side, each rounded up on its own.

| instruction        | here       | arithmetic (Q, B reserves; fees on q)                                |
|--------------------|------------|----------------------------------------------------------------------|
| sell, base in      | `sell`     | q = floor(Q b / (B + b)); out = q - fees(q)                          |
| buy, base out      | `buy`      | q = ceil(Q b / (B - b)); in = q + fees(q)                            |
| buy_exact_quote_in | `buy_with` | e + fees(e) <= spend; out = floor(B (e - 1) / (Q + e - 1))           |
| none               | `sell_for` | the least base whose sale delivers the wanted quote, or a unit more  |

Three fees rounded up apart mean that one more unit of input may deliver up to two units less.

Source: pump-fun/pump-public-docs (PumpSwap README), the official SDK's arithmetic.
"""

from dataclasses import dataclass

from quote_core.dex.constant_product import curve_in_ceil, curve_out_floor
from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.pumpswap.fees import FeeRates
from quote_core.errors import AmountTooSmall, NoLiquidity, ReserveShort
from quote_core.units import BPS, Pubkey

__all__ = ["PumpCurve", "PumpFill", "buy", "buy_with", "quote_spent_on_curve", "sell", "sell_for"]


@dataclass(frozen=True, slots=True)
class PumpCurve:
    """What a quote reads; the quote reserve has its virtual part, `quote_payable` is what the vault can pay out."""

    base_reserve: int
    quote_reserve: int
    quote_payable: int
    rates: FeeRates
    buys_off: bool = False
    sells_off: bool = False

    @property
    def reserve_a(self) -> int:
        """The base reserve."""
        return self.base_reserve

    @property
    def reserve_b(self) -> int:
        """The quote reserve."""
        return self.quote_reserve


@dataclass(frozen=True, slots=True)
class PumpFill:
    """One priced swap: what the trader pays and gets, and the quote amount on the curve that the fees are on."""

    amount_in: int
    amount_out: int
    curve_quote: int


def sell(pool: Pubkey, curve: PumpCurve, base_in: int) -> PumpFill:
    """Price a sale of `base_in`.

    Raises:
        AmountTooSmall: Fees leave nothing.
        ReserveShort: Part of the reserve is virtual or owed, and the vault can pay less than is due.
    """
    curve_quote = curve_out_floor(curve.base_reserve, curve.quote_reserve, base_in)
    amount_out = curve_quote - curve.rates.total_fee(curve_quote)
    if amount_out <= 0:
        raise AmountTooSmall(pool, "the amount buys nothing after fees")
    paid_out = curve_quote - curve.rates.lp_fee(curve_quote)
    if paid_out > curve.quote_payable:
        raise ReserveShort(pool, paid_out, curve.quote_payable)
    return PumpFill(base_in, amount_out, curve_quote)


def sell_for(pool: Pubkey, curve: PumpCurve, quote_wanted: int) -> PumpFill:
    """Price the sale that delivers `quote_wanted`: the least curve output whose net is enough, then its base.

    The net never rises faster than the gross, so adding what is lacking never skips the least. Each round adds at
    least one; rounding of three fees makes up for less than three units, so the rounds end within
    3 * BPS / (BPS - total_bps).

    Raises:
        NoLiquidity: The reserve does not hold it.
        ReserveShort: See `sell`.
    """
    rates = curve.rates
    curve_quote = mul_div_ceil(quote_wanted, BPS, BPS - rates.total_bps)
    while True:
        if curve_quote >= curve.quote_reserve:
            raise NoLiquidity(pool, f"the quote reserve is {curve.quote_reserve}")
        base_in = curve_in_ceil(curve.base_reserve, curve.quote_reserve, curve_quote)
        delivered = curve_out_floor(curve.base_reserve, curve.quote_reserve, base_in)
        lacking = quote_wanted - (delivered - rates.total_fee(delivered))
        if lacking <= 0:
            return sell(pool, curve, base_in)
        curve_quote = max(curve_quote, delivered) + lacking


def buy(pool: Pubkey, curve: PumpCurve, base_out: int) -> PumpFill:
    """Price a purchase of `base_out`.

    Raises:
        NoLiquidity: The vault does not hold more than that.
    """
    if base_out >= curve.base_reserve:
        raise NoLiquidity(pool, f"the base vault holds {curve.base_reserve}")
    curve_quote = curve_in_ceil(curve.quote_reserve, curve.base_reserve, base_out)
    return PumpFill(curve_quote + curve.rates.total_fee(curve_quote), base_out, curve_quote)


def buy_with(pool: Pubkey, curve: PumpCurve, spend: int) -> PumpFill:
    """Price a purchase for `spend`; the program keeps one unit of what reaches the curve off it.

    Raises:
        AmountTooSmall: It buys nothing.
    """
    effective = quote_spent_on_curve(spend, curve.rates)
    if effective <= 1:
        raise AmountTooSmall(pool, "the amount buys nothing after fees")
    base_out = curve_out_floor(curve.quote_reserve, curve.base_reserve, effective - 1)
    if base_out == 0:
        raise AmountTooSmall(pool, "the amount buys nothing")
    return PumpFill(spend, base_out, effective)


def quote_spent_on_curve(spend: int, rates: FeeRates) -> int:
    """Give how much of `spend` reaches the curve once the three fees on that amount are paid."""
    effective = mul_div_floor(spend, BPS, BPS + rates.total_bps)
    return effective - max(0, effective + rates.total_fee(effective) - spend)
