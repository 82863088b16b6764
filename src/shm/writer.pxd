# The one writer of a file.
cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from shm.draft cimport Batch, Draft
from shm.mapping cimport Mapping
from shm.protocol cimport sq_update


@cython.final
cdef class QuoteWriter:
    cdef Mapping mapping
    cdef uint64_t *words            # of `mapping`, for the hot path
    cdef readonly object path
    cdef readonly object role
    cdef readonly uint32_t used
    cdef uint32_t pid

    cdef uint64_t *target(self) except NULL
    cdef int set_state(self, uint8_t state) except -1
    cdef int announce(self) except -1
    cdef int write_identity(self, uint32_t index, sq_update *update) except -1
