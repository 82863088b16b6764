# The package's only reader of time. It stands alone, so it cannot use the project's Clock, and the hot path could not
# afford to: the coarse clock costs 5 ns and its 4 ms grain is far below the heartbeat's 300 ms bound.
from libc.stdint cimport int64_t
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec

cdef extern from "<time.h>" nogil:
    enum:
        CLOCK_MONOTONIC_COARSE


cdef inline int64_t clock_ns(int clock) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec


cdef inline int64_t coarse_mono_ns() noexcept nogil:
    return clock_ns(CLOCK_MONOTONIC_COARSE)


cdef inline int64_t mono_ns() noexcept nogil:
    return clock_ns(CLOCK_MONOTONIC)


cdef inline int64_t unix_ns() noexcept nogil:
    return clock_ns(CLOCK_REALTIME)
