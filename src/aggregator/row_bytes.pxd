# A row as its subscribers get it.
cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from aggregator._scoring cimport Formula, Score, Verdict
from aggregator.columns cimport QuoteGroup, QuoteNumbers


@cython.final
cdef class RowWriter:
    cdef uint8_t* row               # room for the row that is written
    cdef uint8_t* answer            # and for one source's answer in it
    cdef Py_ssize_t row_size
    cdef Py_ssize_t answer_size

    cdef int make_room(self, Py_ssize_t row_size, Py_ssize_t answer_size) except -1
    cdef bytes write(
        self, const Formula* formula, bytes prefix, uint64_t input_amount, uint64_t version, const Verdict* verdict,
        QuoteGroup local, const QuoteNumbers* local_numbers, QuoteGroup external, const QuoteNumbers* external_numbers,
        double rate_scale,
    )
    cdef uint8_t* put_side(
        self, uint8_t* at, int side, const Verdict* verdict, QuoteGroup group, const QuoteNumbers* numbers,
        double rate_scale,
    ) except NULL
