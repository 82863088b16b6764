# The SDK's face: both files as one table, and the buffers it reuses. One object per thread.
cimport cython
from libc.stdint cimport uint32_t, uint64_t
from shm.changed cimport Changed, Changes
from shm.handle cimport Handle
from shm.tables cimport Tables
from shm.view cimport QuoteView


@cython.final
cdef class QuoteReader:
    cdef Tables tables
    cdef Changed changed
    cdef Changes with_values
    cdef uint32_t told_since_look     # changes, and what idle polls count for
    cdef QuoteView reused
    cdef const uint64_t *reused_line  # the entry that `reused` holds; NULL for none
    cdef uint64_t reused_attachment   # `tables.attach_count` at that time

    cdef Changed poll_sized(self)
    cdef Changes poll_changes_sized(self)
    cdef int tend_sometimes(self) except -1
    cdef int view_whole(self, uint32_t index) except -1
    cdef bint copy_legs(self, Handle first, Handle second, Handle third) noexcept
