# The reused answer of a poll: entry indexes in private memory, seen as a sequence or a buffer.
cimport cython
from libc.stdint cimport uint16_t, uint32_t
from shm.layout cimport SQ_INDEX_COUNT


@cython.final
cdef class Changed:
    cdef uint16_t indexes[SQ_INDEX_COUNT]
    cdef uint32_t count
    cdef Py_ssize_t shape           # buffer views point here, so it stays while they live
    cdef Py_ssize_t stride
