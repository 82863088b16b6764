# cython: cdivision=True
# 128-bit products of 64-bit amounts, and their division with the rounding in the name.
#
# Cython knows no 128-bit integer: `u128` is declared with the width it can convert, and is the real thing in C. Never
# let a u128 cross into Python. A 128-bit divide traps when the divisor is zero; every function here says who guards.

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    typedef unsigned __int128 solquote_u128;
    """
    ctypedef unsigned long long u128 "solquote_u128"


cdef inline u128 product(uint64_t a, uint64_t b) noexcept nogil:
    """a * b, exact."""
    return <u128>a * <u128>b


cdef inline uint64_t mul_div_floor(uint64_t a, uint64_t b, u128 denominator) noexcept nogil:
    """a * b / denominator, rounded down; 0 for a denominator of 0. The caller knows the quotient fits 64 bits."""
    if denominator == 0:
        return 0
    return <uint64_t>(product(a, b) // denominator)


cdef inline uint64_t mul_div_ceil(uint64_t a, uint64_t b, u128 denominator) noexcept nogil:
    """a * b / denominator, rounded up; 0 for a denominator of 0. The caller knows the quotient fits 64 bits."""
    cdef u128 whole, quotient
    if denominator == 0:
        return 0
    whole = product(a, b)
    quotient = whole // denominator
    return <uint64_t>quotient + (1 if quotient * denominator != whole else 0)
