# The one writer of a file.
cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from shm.draft cimport Batch, Draft, Identities, QuoteSink
from shm.mapping cimport Mapping
from shm.protocol cimport sq_shape, sq_update


@cython.final
cdef class QuoteWriter(QuoteSink):
    cdef Mapping mapping
    cdef uint64_t *words            # of `mapping`, for the hot path
    cdef sq_shape shape             # of the table
    cdef bint is_contract           # whether the layout's counts are its own, which the C core knows as constants
    cdef readonly object counts     # the same, a TableCounts
    cdef readonly object path
    cdef readonly object role
    cdef readonly uint32_t used
    cdef uint32_t pid
    cdef uint32_t beat_count
    cdef sq_update update           # what `publish` unpacks into
    cdef object __weakref__

    cdef uint64_t *target(self) except NULL
    cdef int set_state(self, uint8_t state) except -1
    cdef int announce(self) except -1
    cdef int write_identity(self, uint32_t index, sq_update *update) except -1
    cdef bint start(self, int mode) except -1
    cdef int adopt(self, Mapping mapping) except -1
    cdef int retire(self, Mapping old) except -1
    cdef int send(self, const sq_update *update) except -1
    cdef void publish_sized(self, const sq_update *update) noexcept
    cdef bint make(self, int mode, old, Mapping source) except -1
    cdef int go_live(self) except -1
    cdef int file_mode(self) except -1
    cdef int make_again(self, damaged) except -1
    cdef int abandon(self) except -1
