# One attached file as a reader sees it: mapping, place in the stream of changes, and private copies.
cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t
from shm.layout cimport sq_entry
from shm.mapping cimport Mapping
from shm.protocol cimport sq_follower, sq_shape


@cython.final
cdef class Table:
    cdef Mapping mapping
    cdef const uint64_t *words      # of `mapping`, for the hot path
    cdef const uint64_t *entries    # the first one in `words`
    cdef const uint64_t *end
    cdef sq_shape shape             # of `mapping`
    cdef bint is_contract           # whether the layout's counts are its own, which the C core knows as constants
    cdef readonly int role
    cdef sq_follower *follower
    cdef sq_entry *copies           # last good copy of each entry, private memory
    cdef readonly uint32_t first_index
    cdef readonly uint64_t busy_count

    cdef const uint64_t *line(self, uint32_t local) noexcept nogil
    cdef bint read_hot(self, uint32_t local, sq_entry *entry) noexcept nogil
    cdef bint read_whole(self, uint32_t local, sq_entry *entry) noexcept nogil
    cdef bint renew_copy(self, uint32_t local) noexcept nogil
    cdef void refresh_copy(self, uint32_t local) noexcept nogil
    cdef uint32_t refresh_copies(self) noexcept nogil
    cdef void copy_rows(self, sq_entry *rows, uint32_t count) noexcept nogil
    cdef void copy_slot(self, uint32_t position, uint64_t *copy) noexcept nogil
