# The declarations of `wide.h`; see there. Types are named for what C gives them, Cython only needs their rank.
from libc.stdint cimport int64_t, uint64_t


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
    int wide_rate(
        uint64_t amount, uint64_t numerator, uint64_t denominator, int round_up, uint64_t* result
    ) noexcept
