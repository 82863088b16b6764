# Wake and sleep on `head`; the writer wakes once a publish or batch, never inside an odd period.
from libc.stdint cimport int64_t, uint64_t

cdef extern from "futex.h" nogil:
    void sq_wake(const uint64_t *map) noexcept
    void sq_sleep(const uint64_t *const *maps, const uint64_t *heads, unsigned count, int64_t timeout_ns) noexcept
