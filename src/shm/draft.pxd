# The private memory a change is prepared in.
cimport cython
from libc.stdint cimport uint32_t
from shm.protocol cimport sq_update


@cython.final
cdef class Identities:
    cdef uint32_t count             # of the table's entries
    cdef uint32_t *changes


cdef class QuoteSink:
    cdef Identities identities      # of the writer it is for
    cdef sq_update *room(self) except NULL
    cdef int taken(self, sq_update *update) except -1


@cython.final
cdef class Draft(QuoteSink):
    cdef sq_update update
    cdef const uint32_t *changes    # the entry's count there now; `identities` keeps it in place
    cdef uint32_t identity          # the entry's count there when the draft was made


cdef inline bint is_outdated(Draft draft) noexcept:
    return draft.identity != draft.changes[0]


@cython.final
cdef class Batch(QuoteSink):
    cdef sq_update *updates         # room for one change of each entry
    cdef uint32_t *put_at           # each one's entry's count of identities when it was put
    cdef readonly uint32_t capacity
    cdef uint32_t count

    cdef int check(self, uint32_t entry_count) except -1
