# What is told of every row, as of a moment.
from libc.stdint cimport uint32_t, uint64_t

from aggregator._scoring cimport Verdict
from aggregator.held_rows cimport HeldRows
from aggregator.row_bytes cimport RowWriter


cdef class ToldRows(HeldRows):
    cdef RowWriter writer

    cdef bytes encode(self, uint32_t index, const Verdict* verdict, uint64_t version)
    cdef int judge_row(self, uint32_t row, Verdict* verdict) except -1
    cdef bint local_ranks_first(self, uint32_t row, const Verdict* verdict) noexcept
    cdef object held_at(self, int side, uint32_t index, bint is_stale)
