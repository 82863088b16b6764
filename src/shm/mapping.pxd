# One mapped file: the pointer, the descriptor it came from, and what the header says of the writer.
cimport cython
from libc.stdint cimport int64_t, uint64_t
from shm.layout cimport sq_header
from shm.protocol cimport sq_shape


@cython.final
cdef class Mapping:
    cdef uint64_t *words            # NULL once closed; written through by the writer only
    cdef sq_shape shape             # as the file said when it was mapped
    cdef size_t size_bytes
    cdef int descriptor
    cdef readonly object path       # Path
    cdef readonly int owner_uid
    cdef int64_t live_until_ns      # coarse monotonic time up to which the last heartbeat seen is fresh

    @staticmethod
    cdef Mapping shaped(int descriptor, path, bint writable, sq_shape shape)
    cdef void copy_header(self, sq_header *header) noexcept nogil
    cdef bint look_at_heartbeat(self, int64_t now_ns) noexcept nogil
    cdef bint is_retired(self) noexcept nogil
    cdef bint is_replaced(self) noexcept nogil
    cdef bint is_damaged(self) noexcept nogil
