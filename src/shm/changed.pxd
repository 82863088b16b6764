# The reused answers of polls, in private memory: entry indexes, or announcements with their values.
cimport cython
from libc.stdint cimport uint16_t, uint32_t
from shm.layout cimport SQ_INDEX_COUNT, sq_slot


cdef class Reused:
    cdef uint32_t count
    cdef Py_ssize_t shape           # buffer views point here, so it stays while they live
    cdef Py_ssize_t stride

    cdef Py_ssize_t place(self, Py_ssize_t position) except -1
    cdef int lend(self, Py_buffer *buffer, int flags, void *items, Py_ssize_t item_bytes, char *item_format) except -1


@cython.final
cdef class Changed(Reused):
    cdef uint16_t indexes[SQ_INDEX_COUNT]


@cython.final
cdef class Changes(Reused):
    cdef sq_slot slots[SQ_INDEX_COUNT]  # `index` over both files


@cython.final
cdef class Change:
    cdef sq_slot announced

    cdef int require_values(self) except -1
