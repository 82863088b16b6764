# cython: language_level=3, cdivision=True
"""Ladders of the constant-product DEXes: many exact-in amounts priced from one state, in C without the interpreter.

The data sheet is the .pxd; each formula has a readable twin in its DEX's module, and property tests hold the two equal.
"""

from libc.stdint cimport UINT64_MAX, uint64_t

from quote_core.dex._ladder_frame cimport CompiledPricing
from quote_core.dex.wide cimport mul_div_ceil, mul_div_floor, u128

__all__ = ["AmmV4Pricing", "CpmmPricing", "PumpSwapPricing"]

cdef uint64_t BPS = 10_000
cdef uint64_t PPM = 1_000_000


cdef uint64_t amm_v4_out(uint64_t amount_in, const void* untyped) noexcept nogil:
    cdef const AmmV4Terms* terms = <const AmmV4Terms*>untyped
    cdef uint64_t net_in
    if terms.reserve_in == 0:
        return 0
    net_in = amount_in - mul_div_ceil(amount_in, terms.fee_numerator, terms.fee_denominator)
    return <uint64_t>mul_div_floor(terms.reserve_out, net_in, <u128>terms.reserve_in + net_in)


cdef inline uint64_t _transfer_fee(uint64_t amount, uint64_t rate_bps, uint64_t fee_max) noexcept nogil:
    cdef uint64_t fee
    if rate_bps == 0:
        return 0
    fee = mul_div_ceil(amount, rate_bps, BPS)
    return fee if fee < fee_max else fee_max


cdef uint64_t cpmm_out(uint64_t amount_in, const void* untyped) noexcept nogil:
    cdef const CpmmTerms* terms = <const CpmmTerms*>untyped
    cdef uint64_t received, net_in, sent
    if terms.reserve_in == 0:
        return 0
    received = amount_in - _transfer_fee(amount_in, terms.transfer_in_bps, terms.transfer_in_max)
    if received > terms.vault_in_room:
        return 0
    net_in = received - mul_div_ceil(received, terms.input_ppm, PPM)
    sent = mul_div_floor(terms.reserve_out, net_in, <u128>terms.reserve_in + net_in)
    sent -= mul_div_ceil(sent, terms.output_ppm, PPM)
    return sent - _transfer_fee(sent, terms.transfer_out_bps, terms.transfer_out_max)


cdef inline uint64_t _pump_fees(uint64_t quote, const PumpTerms* terms) noexcept nogil:
    # three fees below their amount fit 64 bits together: the rates sum to less than one, plus three units
    return <uint64_t>(
        mul_div_ceil(quote, terms.lp_bps, BPS)
        + mul_div_ceil(quote, terms.protocol_bps, BPS)
        + mul_div_ceil(quote, terms.creator_bps, BPS)
    )


cdef uint64_t pumpswap_sale_out(uint64_t base_in, const void* untyped) noexcept nogil:
    cdef const PumpTerms* terms = <const PumpTerms*>untyped
    cdef uint64_t quote, fees
    if terms.base_reserve == 0:
        return 0
    quote = mul_div_floor(terms.quote_reserve, base_in, <u128>terms.base_reserve + base_in)
    fees = _pump_fees(quote, terms)
    if fees >= quote or quote - mul_div_ceil(quote, terms.lp_bps, BPS) > terms.quote_vault:
        return 0
    return quote - fees


cdef uint64_t pumpswap_buy_out(uint64_t spend, const void* untyped) noexcept nogil:
    cdef const PumpTerms* terms = <const PumpTerms*>untyped
    cdef uint64_t effective
    cdef u128 charged
    if terms.quote_reserve == 0:
        return 0
    effective = mul_div_floor(spend, BPS, BPS + terms.lp_bps + terms.protocol_bps + terms.creator_bps)
    charged = <u128>effective + _pump_fees(effective, terms)
    if charged > spend:
        if charged - spend >= effective:
            return 0
        effective -= <uint64_t>(charged - spend)
    if effective <= 1:
        return 0
    return <uint64_t>mul_div_floor(terms.base_reserve, effective - 1, <u128>terms.quote_reserve + effective - 1)


cdef class AmmV4Pricing(CompiledPricing):
    cdef AmmV4Terms _own

    def __cinit__(self, uint64_t reserve_in, uint64_t reserve_out, uint64_t fee_numerator, uint64_t fee_denominator):
        self._own = AmmV4Terms(reserve_in, reserve_out, fee_numerator, fee_denominator)
        self.by_each(amm_v4_out, &self._own)


cdef class CpmmPricing(CompiledPricing):
    cdef CpmmTerms _own

    def __cinit__(
        self,
        uint64_t reserve_in,
        uint64_t reserve_out,
        uint64_t vault_in_amount,
        uint64_t input_ppm,
        uint64_t output_ppm,
        uint64_t transfer_in_bps,
        uint64_t transfer_in_max,
        uint64_t transfer_out_bps,
        uint64_t transfer_out_max,
    ):
        self._own = CpmmTerms(
            reserve_in,
            reserve_out,
            UINT64_MAX - vault_in_amount,
            input_ppm,
            output_ppm,
            transfer_in_bps,
            transfer_in_max,
            transfer_out_bps,
            transfer_out_max,
        )
        self.by_each(cpmm_out, &self._own)


cdef class PumpSwapPricing(CompiledPricing):
    cdef PumpTerms _own

    def __cinit__(
        self,
        uint64_t base_reserve,
        uint64_t quote_reserve,
        uint64_t quote_vault,
        uint64_t lp_bps,
        uint64_t protocol_bps,
        uint64_t creator_bps,
        *,
        bint is_sale,
    ):
        self._own = PumpTerms(base_reserve, quote_reserve, quote_vault, lp_bps, protocol_bps, creator_bps)
        self.by_each(pumpswap_sale_out if is_sale else pumpswap_buy_out, &self._own)
