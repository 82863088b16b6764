# The declarations of `wide.h`; see there. Cython knows no 128-bit integer: the types are named for what C gives them,
# and declared with the width Cython can convert.
from libc.stdint cimport UINT64_MAX, int64_t, uint64_t


cdef extern from "wide.h" nogil:
    ctypedef unsigned long long u128
    ctypedef long long i128

    u128 u128_of(uint64_t high, uint64_t low) noexcept
    uint64_t u128_high(u128 value) noexcept
    uint64_t u128_low(u128 value) noexcept
    i128 i128_of(int64_t high, uint64_t low) noexcept
    void wide_mul(u128 a, u128 b, uint64_t* product) noexcept
    uint64_t wide_add(uint64_t* total, const uint64_t* addend, int n) noexcept
    uint64_t wide_sub(uint64_t* left, const uint64_t* right, int n) noexcept
    int wide_length(const uint64_t* number, int n) noexcept
    int wide_div(const uint64_t* number, int n, const uint64_t* divisor, int m, uint64_t* quotient) noexcept
    int wide_mul_div(u128 a, u128 b, u128 divisor, int round_up, u128* result) noexcept
    int wide_mul_shift64(u128 a, u128 b, int round_up, uint64_t* result) noexcept
    u128 mul_div_floor(uint64_t a, uint64_t b, u128 divisor) noexcept
    u128 mul_div_ceil(uint64_t a, uint64_t b, u128 divisor) noexcept


cdef inline u128 u128_from(value) except? 0:
    """A Python integer of 0 .. 2^128 - 1. Never let a u128 cross back: Cython would cut it."""
    return u128_of(value >> 64, value & UINT64_MAX)


cdef inline i128 i128_from(value) except? 0:
    """A Python integer of -2^127 .. 2^127 - 1."""
    return i128_of(value >> 64, value & UINT64_MAX)
