# Both files of a directory, and what of them the hot paths need without a Python object in between.
cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t
from shm.protocol cimport sq_follower, sq_shape
from shm.table cimport Table

cdef enum:
    ROLES = 2


@cython.final
cdef class Tables:
    cdef readonly object directory
    cdef readonly object owner_uid  # whom the directory may belong to besides us and root; None for nobody
    cdef list faults                # of each role, what keeps its file from being read, or None
    cdef list by_role               # a Table, or None while its file is not there
    cdef const uint64_t *words[ROLES]
    cdef sq_follower *followers[ROLES]
    cdef const uint64_t *ends[ROLES]
    cdef sq_shape shapes[ROLES]
    cdef uint32_t first_indexes[ROLES]
    cdef bint is_sized              # whether a file is of other counts than the layout's
    cdef int64_t next_look_ns       # coarse time from which missing and late files are looked at again
    cdef bint closed
    cdef readonly uint64_t attach_count
    cdef uint64_t past_scans        # of files let go
    cdef uint64_t past_busy

    cdef int tend(self, int64_t now_ns) except -1
    cdef int attach(self, int role) except -1
    cdef int let_go(self, int role) except -1
    cdef int file_bit(self, const uint64_t *line) noexcept nogil
    cdef uint64_t mark(self) noexcept nogil
    cdef bint has_news(self) noexcept nogil
    cdef int nap(self, int64_t timeout_ns) except -1
