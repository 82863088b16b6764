# The reused answers of polls, in private memory: entry indexes, or announcements with their values.
cimport cython
from libc.stdint cimport uint16_t, uint32_t
from shm.layout cimport SQ_ENTRY_COUNT_MAX, SQ_INDEX_COUNT, sq_slot

cdef enum:
    SIZED_INDEX_COUNT = 2 * SQ_ENTRY_COUNT_MAX


cdef class Reused:
    cdef uint32_t count
    cdef Py_ssize_t shape           # buffer views point here, so it stays while they live
    cdef Py_ssize_t stride

    cdef Py_ssize_t place(self, Py_ssize_t position) except -1
    cdef int lend(self, Py_buffer *buffer, int flags, void *items, Py_ssize_t item_bytes, char *item_format) except -1


@cython.final
cdef class Changed(Reused):
    cdef uint16_t indexes[SQ_INDEX_COUNT]  # while both files are of the layout's counts
    cdef uint32_t *sized_indexes    # room for any counts; NULL until a file of other counts is polled
    cdef uint16_t *rows             # with it: what a poll of one such file tells, before it is numbered over both
    cdef bint is_sized              # which of the two the last poll filled

    cdef uint32_t *room_for_sized(self) except NULL
    cdef uint32_t at(self, Py_ssize_t position) noexcept


@cython.final
cdef class Changes(Reused):
    cdef sq_slot contract_slots[SQ_INDEX_COUNT]
    cdef sq_slot *sized_slots       # room for any counts; NULL until a file of other counts is polled
    cdef sq_slot *slots             # those of the last poll; `index` over both files

    cdef sq_slot *room_for_sized(self) except NULL


@cython.final
cdef class Change:
    cdef sq_slot announced

    cdef int require_values(self) except -1
