# The declarations of `sqrt_price.h`; see there.
from libc.stdint cimport uint64_t

from quote_core.dex.wide cimport i128, u128


cdef extern from "sqrt_price.h" nogil:
    enum:
        SQRT_TOO_LARGE
        SQRT_OVERFLOW

    int sqrt_delta_a(u128 one, u128 other, u128 liquidity, int round_up, uint64_t* amount) noexcept
    int sqrt_delta_b(u128 one, u128 other, u128 liquidity, int round_up, uint64_t* amount) noexcept
    int sqrt_next_from_input_a(u128 price, u128 liquidity, uint64_t amount, u128* next) noexcept
    int sqrt_next_from_input_b(u128 price, u128 liquidity, uint64_t amount, u128* next) noexcept
    bint liquidity_crossed(u128* liquidity, i128 net, int down) noexcept
