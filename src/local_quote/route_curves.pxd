# What every direction of every pool gives, as a curve, and the best chain of swaps on these curves.
#
# | number         | is                                                                                  |
# |----------------|-------------------------------------------------------------------------------------|
# | pool           | as it was added                                                                     |
# | edge           | twice the pool's, and one more for B to A: `edge ^ 1` is the other way through it   |
# | mint           | the caller's own, from 0                                                            |
# | curve          | POINT_COUNT values of input per output, at ascending inputs; infinite = refused     |
#
# Between two points input per output is taken as straight. On a constant-product curve it is: output is
# R x / (x + r), so input per output is (x + r) / R. Within one range of a concentrated pool the same holds.
# A search is of doubles and finds chains; what they give to the unit is for the pools to say.

from libc.stdint cimport int32_t, uint8_t

cdef enum:
    POINT_COUNT = 208  # from 2**10 on, four a doubling, up to below 2**62
    HOP_COUNT_MAX = 3
    WAY_COUNT_MAX = 2


cdef struct Edge:
    int32_t mint_in
    int32_t mint_out


cdef struct Chain:
    int32_t count
    int32_t edges[HOP_COUNT_MAX]
    double worth  # what comes out


cdef class RouteCurves:
    cdef Edge* edges
    cdef double* curves
    cdef double* prices  # most output per input at any point of an edge's curve; 0 = it gives nothing
    cdef double* inside  # what counts as gone through each edge before a search
    cdef uint8_t* allowed  # room for what a search may go through, one a pool
    cdef int32_t edge_count, _room, mint_count, _mint_room
    cdef int32_t* starts  # of each mint's edges in `order`
    cdef int32_t* order
    cdef bint _is_sorted
    cdef uint8_t* _closes
    cdef Chain* _ways[2]
    cdef int32_t* _way_counts[2]
    cdef double _points[POINT_COUNT]

    cdef int make_ready(self) except -1
    cdef int allow(self, usable) except -1
    cdef double out(self, int32_t edge, double amount) noexcept nogil
    cdef double more(self, int32_t edge, double amount) noexcept nogil
    cdef bint find(self, int32_t source, int32_t target, double amount, int32_t hop_count_max, Chain* best) noexcept nogil
