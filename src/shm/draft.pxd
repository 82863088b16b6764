# The private memory a change is prepared in.
cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from shm.layout cimport SQ_ENTRY_COUNT
from shm.protocol cimport sq_update


cdef int fill(
    sq_update *update, uint32_t index, uint64_t input_amount, uint64_t output_amount, uint64_t ts_ns,
    double oracle_price, uint64_t route_id, uint32_t slot, uint16_t dex_id, uint8_t source, uint8_t flags,
    uint32_t price_impact_ppm, uint16_t confidence_bps, uint16_t ttl_slots, uint16_t kind,
) except -1


@cython.final
cdef class Identities:
    cdef uint32_t changes[SQ_ENTRY_COUNT]


@cython.final
cdef class Draft:
    cdef sq_update update
    cdef Identities identities      # of the writer it is for
    cdef uint32_t identity          # the entry's count there when the draft was made

    cdef bint is_outdated(self) noexcept


@cython.final
cdef class Batch:
    cdef sq_update *updates         # room for one change of each entry
    cdef uint32_t *put_at           # each one's entry's count of identities when it was put
    cdef Identities identities
    cdef readonly uint32_t capacity
    cdef uint32_t count

    cdef sq_update *room(self) except NULL
    cdef int check(self) except -1
