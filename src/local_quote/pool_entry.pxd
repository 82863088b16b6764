# One pool and its place in time. `Freshness` is kept as its numbers: it is looked at for every pool of a pair
# whenever one of them changes, and written into every message.

from libc.stdint cimport int64_t, uint64_t

from local_quote.pool_prices cimport PoolPrices


cdef class PoolEntry:
    cdef readonly object pool
    cdef readonly tuple pair
    cdef readonly object provenance
    cdef readonly PoolPrices prices
    cdef public object needs
    cdef public tuple accounts
    cdef public frozenset account_set
    cdef public object doubt
    cdef public int64_t doubted_mono_ns
    cdef public uint64_t read_slot
    cdef public uint64_t update_count
    cdef public bint is_priced
    cdef readonly int64_t vouched_mono_ns
    cdef readonly int64_t kept_until_mono_ns
    cdef int64_t vouched_unix_ns
    cdef uint64_t vouched_boot_id
    cdef uint64_t vouched_slot
    cdef int64_t changed_unix_ns
    cdef uint64_t changed_slot
    cdef int64_t chain_unix_s

    cpdef bint is_usable(self, int64_t now_mono_ns, int64_t refuse_after_ns) except -1
    cpdef bint is_stale(self, int64_t now_mono_ns, int64_t stale_after_ns)
    cpdef int64_t age_ns(self, int64_t now_mono_ns)
    cpdef int64_t usable_until_mono_ns(self, int64_t refuse_after_ns)
