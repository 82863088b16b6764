# The private memory a change is prepared in.
cimport cython
from libc.stdint cimport uint32_t
from shm.layout cimport SQ_ENTRY_COUNT
from shm.protocol cimport sq_update


cdef class QuoteSink:
    cdef sq_update *room(self) except NULL
    cdef int taken(self, sq_update *update) except -1


@cython.final
cdef class Identities:
    cdef uint32_t changes[SQ_ENTRY_COUNT]


@cython.final
cdef class Draft(QuoteSink):
    cdef sq_update update
    cdef Identities identities      # of the writer it is for
    cdef uint32_t identity          # the entry's count there when the draft was made

    cdef bint is_outdated(self) noexcept


@cython.final
cdef class Batch(QuoteSink):
    cdef sq_update *updates         # room for one change of each entry
    cdef uint32_t *put_at           # each one's entry's count of identities when it was put
    cdef Identities identities
    cdef readonly uint32_t capacity
    cdef uint32_t count

    cdef int check(self) except -1
