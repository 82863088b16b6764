# What is held of every row: each source's newest answer, in columns, and what answers are judged by.
cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

from aggregator._scoring cimport Formula, Instant, Score, age_ns
from aggregator.columns cimport QuoteGroup, QuoteNumbers
from aggregator.shm_publisher cimport ShmPublisher

cdef enum:
    LOCAL_SIDE = 0
    EXTERNAL_SIDE = 1


# A row: what it is for, how often it changed, and `Standing.stamp`.
cdef struct Row:
    bint is_used
    uint64_t input_amount
    uint64_t version
    uint64_t stamp
    int64_t body_until_mono_ns


# One source's answer for a row, besides its group.
cdef struct Side:
    QuoteNumbers numbers
    double impact_fraction          # not below zero, of what can be a quote
    bint is_stale


# What all rows of one direction share.
@cython.final
cdef class RowDirection:
    cdef readonly object input_mint
    cdef readonly object output_mint
    cdef double rate_scale          # 10 ** (input decimals - output decimals): makes smallest units whole tokens
    cdef bytes prefix
    cdef bytes input_bytes
    cdef bytes output_bytes
    cdef double oracle_rate         # as of look `rated_at`, 0 = none
    cdef double oracle_disagreement # of the sources of that rate
    cdef uint64_t rated_at
    cdef int64_t rated_until_mono_ns
    cdef uint64_t rated_of          # the oracle's revision


cdef class HeldRows:
    cdef object tokens
    cdef object clock
    cdef object oracle
    cdef Formula formula
    cdef int64_t stale_after_ns[2]
    cdef readonly uint32_t row_count
    cdef Row* rows
    cdef Side* sides[2]
    cdef list local_groups
    cdef list external_groups
    cdef list row_directions
    cdef list bodies_told           # rows as bytes, see `ToldRows`; None = to be made anew
    cdef dict directions
    cdef ShmPublisher local_file
    cdef ShmPublisher external_file
    cdef Instant now
    cdef object now_told            # the same moment as a value; None = nobody has asked for it
    cdef uint64_t revision          # of the oracle
    cdef uint64_t stamp             # the last one given
    cdef uint64_t look              # counts the moments that something was worked out as of

    cdef int forget(self, uint32_t index) except -1
    cdef RowDirection direction_of(self, input_mint, output_mint)
    cdef int check(self, uint32_t index) except -1
    cdef int begin(self) except -1
    cdef object moment(self)
    cdef int score(
        self, Score* score, uint32_t row, QuoteGroup group, const Side* answer, RowDirection direction, double oracle_rate,
        int64_t age,
    ) except -1
    cdef double oracle_rate(self, uint32_t row, RowDirection direction) except? -1.0

    @cython.final
    cdef inline void stamp_row(self, uint32_t index) noexcept:
        self.stamp += 1
        self.rows[index].stamp = self.stamp

    @cython.final
    cdef inline QuoteGroup group_of(self, int side, uint32_t row):
        return <QuoteGroup>(self.local_groups[row] if side == LOCAL_SIDE else self.external_groups[row])

    @cython.final
    cdef inline ShmPublisher file_of(self, int side):
        return self.local_file if side == LOCAL_SIDE else self.external_file

    @cython.final
    cdef inline int64_t age_of(self, QuoteGroup group) noexcept:
        return age_ns(&self.formula, group.boot_id, group.vouched_mono_ns, group.vouched_unix_ns, &self.now)

    # Whether a held answer is stale as of now, marked or not.
    @cython.final
    cdef inline bint is_stale_side(self, int side, uint32_t row, QuoteGroup group) noexcept:
        return self.sides[side][row].is_stale or self.fresh_for_ns(side, row, group) < 0

    # See `Judge.fresh_for_ns`.
    @cython.final
    cdef inline int64_t fresh_for_ns(self, int side, uint32_t row, QuoteGroup group) noexcept:
        if self.sides[side][row].is_stale or group.refusal is not None:
            return <int64_t>self.formula.age_unknown_ns
        return self.stale_after_ns[side] - self.age_of(group)


cdef double scale_of(object direction) noexcept
