# One direction's rungs of one source, and a walk through the ladders of a cycle. What they compute is `ladder.py`'s.
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef enum:
    LEGS_MAX = 4
    SOURCES_MAX = 2  # our own pools, and the providers

cdef struct Rung:
    uint64_t input_amount
    uint64_t output_amount
    uint64_t route_id
    int64_t vouched_unix_ns
    uint32_t row

cdef struct Ladder:
    # As `ladder.settled` leaves it.
    Rung* rungs
    int count
    double rate  # the highest of any rung, output for input, as it was quoted

cdef struct Search:
    # What is asked of a size, and the one that leaves most so far; 0 = none leaves anything.
    uint64_t gross_bps_min
    uint64_t fee_bps
    uint64_t fixed_cost
    uint64_t amount
    uint64_t rest

cdef class Rungs:
    cdef Rung* held  # as they were taken, in the order of inputs
    cdef int held_count
    cdef int room  # of both arrays
    cdef Ladder ladder  # of those vouched for within the two times
    cdef int64_t oldest_ns
    cdef int64_t newest_ns
    cdef bint is_changed
    cdef bint is_whole  # all held are in the ladder
    cdef int64_t vouched_first_ns  # of all held
    cdef int64_t vouched_last_ns

    cdef int make_room(self) except -1
    cdef void settle(self, int64_t oldest_ns, int64_t newest_ns) noexcept

cdef class Walk:
    cdef tuple kept  # all ladders, leg by leg
    cdef const Ladder* ladders[LEGS_MAX][SOURCES_MAX]
    cdef int leg_count
    cdef int source_count
    cdef uint64_t* amounts  # candidates, ascending
    cdef int amount_count
    cdef int room

    cdef void settle(self, int64_t oldest_ns, int64_t newest_ns) noexcept
    cdef double rate(self) noexcept nogil
    cdef uint64_t output_of(self, int leg, uint64_t amount) noexcept nogil
    cdef uint64_t input_of(self, int leg, uint64_t output) noexcept nogil
    cdef bint look_at(self, uint64_t amount, Search* search) noexcept nogil
    cdef int find_candidates(self) except -1
