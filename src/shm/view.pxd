# A private copy of one entry and the properties of it; filled by whoever owns the view, after the copy was accepted.
from libc.stdint cimport int64_t, uint32_t, uint64_t
from shm.layout cimport sq_entry


cdef class QuoteView:
    cdef sq_entry entry             # private memory
    cdef readonly uint32_t index    # over both files: the external file's entries follow the internal file's
    cdef bint has_copy

    cdef int require_copy(self) except -1
    cdef Quote to_quote(self)


cdef class Quote(QuoteView):
    pass
