# The reused answers of polls, in private memory: entry indexes, or announcements with their values.
cimport cython
from libc.stdint cimport uint16_t, uint32_t
from shm.layout cimport SQ_INDEX_COUNT, sq_slot


@cython.final
cdef class Changed:
    cdef uint16_t indexes[SQ_INDEX_COUNT]
    cdef uint32_t count
    cdef Py_ssize_t shape           # buffer views point here, so it stays while they live
    cdef Py_ssize_t stride


@cython.final
cdef class Changes:
    cdef sq_slot slots[SQ_INDEX_COUNT]  # `index` over both files
    cdef uint32_t count
    cdef Py_ssize_t shape
    cdef Py_ssize_t stride


@cython.final
cdef class Change:
    cdef sq_slot announced

    cdef int require_values(self) except -1
