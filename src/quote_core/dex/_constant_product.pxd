# Data sheet of the constant-product kernels.
#
# One output per call, from plain 64-bit integers; 0 stands for every refusal. No function allocates, raises or needs
# the interpreter. Who checks what: rates are below their denominator and reserves are as decoded (the pool modules
# check both); a zero reserve, a zero amount and every divisor are guarded here.
#
# | function          | readable twin                                    |
# |-------------------|--------------------------------------------------|
# | amm_v4_out        | raydium_amm_v4.RaydiumAmmV4Pool.swap             |
# | cpmm_out          | raydium_cpmm.fill.swap_exact_in                  |
# | pumpswap_sale_out | pumpswap.fill.sell                               |
# | pumpswap_buy_out  | pumpswap.fill.buy_with                           |

from libc.stdint cimport uint64_t


cdef struct AmmV4Terms:
    uint64_t reserve_in
    uint64_t reserve_out
    uint64_t fee_numerator
    uint64_t fee_denominator


cdef struct CpmmTerms:
    uint64_t reserve_in
    uint64_t reserve_out
    uint64_t vault_in_room          # what the input vault can still take
    uint64_t input_ppm              # all that is charged on the input
    uint64_t output_ppm             # the creator's part, where it is charged on the output
    uint64_t transfer_in_bps
    uint64_t transfer_in_max
    uint64_t transfer_out_bps
    uint64_t transfer_out_max


cdef struct PumpTerms:
    uint64_t base_reserve
    uint64_t quote_reserve          # virtual part included
    uint64_t quote_vault            # what can be paid out
    uint64_t lp_bps
    uint64_t protocol_bps
    uint64_t creator_bps


# Each a `PriceOne` of `_ladder_frame`.
cdef uint64_t amm_v4_out(uint64_t amount_in, const void* untyped) noexcept nogil          # AmmV4Terms
cdef uint64_t cpmm_out(uint64_t amount_in, const void* untyped) noexcept nogil            # CpmmTerms
cdef uint64_t pumpswap_sale_out(uint64_t base_in, const void* untyped) noexcept nogil     # PumpTerms
cdef uint64_t pumpswap_buy_out(uint64_t spend, const void* untyped) noexcept nogil        # PumpTerms
