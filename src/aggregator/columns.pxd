# What the local service's quotes have in common, and where in a message their own numbers stand.
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


# One quote's own numbers.
cdef struct QuoteNumbers:
    uint64_t input_amount
    uint64_t output_amount
    double impact                   # as told: below zero is none
    uint64_t version
    uint64_t quoted_unix_ns
    uint32_t cache_age_ms
    uint32_t row


# One group's columns, each in the message as it came.
cdef struct Run:
    uint32_t count
    const uint8_t* rows
    const uint8_t* input_amounts
    const uint8_t* output_amounts
    const uint8_t* impacts
    const uint8_t* versions
    const uint8_t* quoted_unix_ns
    const uint8_t* cache_ages_ms


@cython.final
cdef class QuoteGroup:
    cdef readonly int source
    cdef readonly object input_mint
    cdef readonly object output_mint
    cdef uint64_t boot_id           # of the moment it was vouched for
    cdef uint64_t vouched_mono_ns
    cdef uint64_t vouched_unix_ns
    cdef uint64_t vouched_slot
    cdef uint64_t changed_slot
    cdef uint64_t changed_unix_ns
    cdef int64_t chain_unix_s
    cdef uint64_t route_id
    cdef uint64_t depth_amount
    cdef uint64_t pool_received_mono_ns
    cdef double oracle_price        # above zero and finite, or `has_oracle` is not set
    cdef double uptime
    cdef bint has_oracle
    cdef bint is_stale
    cdef uint32_t hop_count
    cdef uint16_t dex_id
    cdef readonly object quote      # of a group of one: the answer itself
    cdef readonly object refusal    # of a group of one that has no price
    cdef bytes common               # of a group of columns: what all have in common, encoded
    cdef bytes hop                  # the one swap of their route without amounts, encoded; None = no route
    cdef object told_freshness      # as a value, once somebody asked for it
    cdef object told_hop            # the swap as a value, once somebody asked for it
    cdef object told_error          # its refusal, encoded, once somebody asked for it

    cdef object freshness(self)
    cdef tuple route(self, const QuoteNumbers* numbers)
    cdef object held(self, const QuoteNumbers* numbers, bint is_stale, double rate_scale)
    cdef bytes message(self, const QuoteNumbers* numbers, double rate_scale)
    cdef Py_ssize_t answer_size_max(self) noexcept
    cdef uint8_t* put_answer(self, uint8_t* at, const QuoteNumbers* numbers, double rate_scale) except NULL


@cython.final
cdef class LocalColumns:
    cdef bytes data                 # what the runs point into
    cdef Run* runs
    cdef uint32_t run_count
    cdef uint32_t run_capacity
    cdef uint8_t* kept              # the fields of a group that are passed on
    cdef readonly list groups
    cdef readonly list refused
    cdef readonly list routed
    cdef readonly uint64_t sequence
    cdef readonly bint snapshot
    cdef Py_ssize_t quote_count

    cdef int read(self) except -1
    cdef int read_group(self, const uint8_t* at, const uint8_t* end) except -1
    cdef int read_common(self, QuoteGroup group, const uint8_t* at, const uint8_t* end) except -1
    cdef int read_freshness(self, QuoteGroup group, const uint8_t* at, const uint8_t* end) except -1
    cdef int read_hop(self, QuoteGroup group, const uint8_t* at, const uint8_t* end) except -1
    cdef int add_run(self, const Run* run) except -1


cdef QuoteGroup group_of_one(quote)
cdef void read_numbers(const Run* run, uint32_t place, QuoteNumbers* numbers) noexcept nogil
cdef double rate_of(uint64_t output_amount, uint64_t input_amount, double rate_scale) except? -1.0
