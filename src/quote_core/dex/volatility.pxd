# The C of `volatility`, which says what it means; tests hold the two equal.
from libc.stdint cimport int64_t, uint64_t

from quote_core.dex.wide cimport u128


cdef struct VolatilityFee:
    uint64_t control
    int64_t step
    int64_t index_reference
    int64_t volatility_reference
    int64_t accumulator_max
    u128 denominator
    uint64_t rate_max


cdef enum:
    VOLATILITY_SCALE = 10_000


cdef inline int64_t accumulator_at(const VolatilityFee* fee, int64_t index) noexcept nogil:
    """The accumulator of a walk that stands at `index`."""
    cdef int64_t distance = fee.index_reference - index
    return min(
        fee.volatility_reference + (distance if distance >= 0 else -distance) * VOLATILITY_SCALE, fee.accumulator_max
    )


cdef inline uint64_t volatile_rate(const VolatilityFee* fee, u128 static_rate, int64_t accumulator) noexcept nogil:
    """Static and variable rate together, at most `rate_max`."""
    # accumulator < 2^32 and step < 2^16, so the square fits 96 bits and the product with control 128
    cdef u128 crossed = <u128>accumulator * <u128>fee.step
    cdef u128 variable = (crossed * crossed * fee.control + fee.denominator - 1) // fee.denominator
    return <uint64_t>min(static_rate + variable, <u128>fee.rate_max)
