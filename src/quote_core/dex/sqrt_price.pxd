# The declarations of `sqrt_price.h`; see there.
from libc.stdint cimport int64_t, uint64_t

from quote_core.dex.wide cimport i128, u128


cdef extern from "sqrt_price.h" nogil:
    enum:
        SQRT_TOO_LARGE
        SQRT_OVERFLOW

    int sqrt_step_input(u128 price, u128 other, u128 liquidity, int down, uint64_t* amount) noexcept
    int sqrt_step_output(u128 price, u128 other, u128 liquidity, int down, uint64_t* amount) noexcept
    int sqrt_step_next(u128 price, u128 liquidity, uint64_t amount, int down, u128* next) noexcept
    bint liquidity_crossed(u128* liquidity, i128 net, int down) noexcept


cdef inline int64_t floor_div(int64_t number, int64_t divisor) noexcept nogil:
    """Division that rounds down for negative numbers too; C truncates."""
    return number // divisor - (1 if number % divisor < 0 else 0)


cdef inline u128 nearer(u128 price, u128 other, bint down) noexcept nogil:
    """Which of two prices a walk meets first."""
    if down:
        return price if price >= other else other
    return price if price <= other else other
