# The streamed rows' present quotes, by row number, and how a direction of them is settled.
#
# | a row's line   |  8 x 8 bytes, one line of the processor's cache                                          |
# |----------------|------------------------------------------------------------------------------------------|
# | amount         | input, smallest units; 0 = the number is free                                            |
# | output         | of the best pool, smallest units; 0 = no quote                                           |
# | version        | counts the changes, from 1                                                               |
# | quoted_unix_ns | wall clock of the last change                                                            |
# | quoted_mono_ns | CLOCK_MONOTONIC of the same                                                              |
# | impact         | fraction of the pool's price lost to size                                                |
# | offer          | number of the offer it rests on: from 0 a pool's, below -1 a chain's; -1 = no quote      |
# | holder_count   | how often it is registered                                                               |
# | is_stale       | whether a pool of it was stale when the row was settled                                  |

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from cpython cimport array

from local_quote.pool_entry cimport PoolEntry


cdef enum:
    NO_OFFER = -1


cdef struct Row:
    uint64_t amount
    uint64_t output
    uint64_t version
    uint64_t quoted_unix_ns
    uint64_t quoted_mono_ns
    double impact
    int32_t offer
    uint32_t holder_count
    uint8_t is_stale


# What one offer gives for the amounts of a direction, as it is settled.
cdef struct Bid:
    const uint64_t* outputs
    double net_price
    int32_t offer
    uint8_t is_stale


cdef class Offer:
    cdef readonly object input_token, output_token
    cdef readonly int32_t number
    cdef readonly bint is_stale
    cdef double _net_price
    cdef array.array _outputs

    cpdef stand(self, double net_price, bint is_stale)


cdef class PoolOffer(Offer):
    cdef readonly PoolEntry entry
    cdef readonly tuple entries
    cdef readonly object way


cdef class QuoteRows:
    cdef Row* lines
    cdef Py_ssize_t room  # numbers below have a line
    cdef list _free
    cdef readonly Py_ssize_t count

    cdef Row* line(self, Py_ssize_t number) except NULL
    cdef int _grow(self) except -1
