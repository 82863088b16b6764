# One source's file in shared memory, and what it holds.
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from shm.draft cimport Batch

from aggregator._scoring cimport Formula, Instant, Score
from aggregator.columns cimport QuoteGroup, QuoteNumbers

cdef enum:
    BPS_MAX = 10_000


# What an entry says, as it was scored when it was written.
cdef struct Written:
    bint is_there
    bint is_stale
    uint64_t input_amount
    uint64_t output_amount
    uint64_t route_id
    double oracle_rate              # 0 = none
    uint64_t boot_id                # of the moment it was vouched for
    uint64_t vouched_mono_ns
    uint64_t vouched_unix_ns
    Score score


# What is told of a quote that was written, where it is traced.
cdef struct Note:
    int source
    uint32_t row
    uint64_t route_id
    uint64_t input_amount
    uint64_t output_amount
    double confidence
    uint64_t vouched_slot
    uint64_t version


@cython.final
cdef class WrittenQuotes:
    cdef Note* notes
    cdef Py_ssize_t count
    cdef Py_ssize_t capacity

    cdef int add(self, const Note* note) except -1


@cython.final
cdef class ShmPublisher:
    cdef object writer
    cdef object spans               # None = nothing is traced
    cdef WrittenQuotes noted        # since the batch was sent
    cdef Batch batch
    cdef uint16_t ttl_slots
    cdef readonly uint32_t row_count
    cdef readonly uint32_t confirmed_per_beat_max  # a quarter of the file's ring
    cdef Written* written
    # Confirmed rows that wait to be written, in order of their coming: a ring of links, `row_count` its own place.
    cdef uint16_t* next_waiting
    cdef uint16_t* previous_waiting
    cdef bint* is_waiting
    cdef readonly uint32_t waiting_count
    cdef uint64_t by_confidence_bps[BPS_MAX + 1]
    cdef readonly uint64_t published_count
    cdef readonly uint64_t refused_count

    cdef int put(
        self, uint32_t row, QuoteGroup group, const QuoteNumbers* numbers, double impact_fraction, bint is_stale,
        const Score* score, double oracle_rate, int64_t age, const Instant* now, bytes input_mint, bytes output_mint,
    ) except -1
    cdef int note(self, uint32_t row, QuoteGroup group, const QuoteNumbers* numbers) except -1
    cdef int tell(self, uint64_t began_unix_ns) except -1
    cdef int mark_stale(self, uint32_t row) except -1
    cdef int send(self) except -1
    cdef int free_row(self, uint32_t row) except -1
    cdef void confirm(self, uint32_t row) noexcept nogil
    cdef void settle(self, uint32_t row) noexcept nogil
    cdef int32_t first_waiting(self) noexcept nogil
    cdef object totals(self, const Formula* formula, const Instant* now)

