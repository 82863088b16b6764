# The frame of every compiled ladder: many exact inputs priced from one state, in C without the interpreter.
#
# A DEX gives its arithmetic as a C function with its terms, as a `CompiledPricing`, and the frame does the rest: reads
# the amounts, makes room for the outputs, releases the interpreter for a long loop. An output of 0 is a refusal, and
# what none says otherwise of stays one.
#
# | the DEX prices           | and calls         | used by                                |
# |--------------------------|-------------------|----------------------------------------|
# | each amount by itself    | `by_each`         | constant product                       |
# | all amounts in one walk  | `by_walk`         | CLMM, Whirlpool (ticks), DLMM (bins)   |
#
# A walk: all amounts start from one state and meet the same ticks or bins, so the way is walked once. It is a row of
# stretches, and a stretch's whole cost is the same for everybody: who cannot pay it ends inside it, on arithmetic of
# its own, and everybody else pays it and goes on. Amounts ascend, so those who end are always the first ones left.
#
#     while goes_on(ladder):                              # who has spent all has ended
#         cost = ...                                      # of the next stretch, whole
#         while ends_inside(ladder, cost):
#             end_with(ladder, ... unspent(ladder) ...)   # or refuse(ladder)
#         if ended(ladder) or not pass_through(ladder, cost, bought):
#             return

from cpython cimport array
from libc.stdint cimport UINT64_MAX, uint64_t

from quote_core.dex.wide cimport u128, u128_high, u128_of


cdef struct Ladder:
    const uint64_t* amounts  # what reaches the pool, ascending
    uint64_t* outputs
    Py_ssize_t count
    Py_ssize_t first  # the first amount that is still walking; those before it have ended
    uint64_t vault_out  # what the output vault holds; more is refused
    uint64_t spent  # what each that is still walking has paid, fees included
    u128 paid  # and what it has bought


# `terms` is what the DEX handed over with its function, untyped so that one frame serves all.
ctypedef uint64_t (*PriceOne)(uint64_t amount_in, const void* terms) noexcept nogil
ctypedef void (*WalkAll)(Ladder* ladder, void* terms) noexcept nogil


# A `Pricing` of `pool.py` that C calls without a sequence between. The terms lie in the object that derives from it.
cdef class CompiledPricing:
    cdef WalkAll _walk
    cdef void* _terms
    cdef PriceOne _price_one
    cdef uint64_t _vault_out

    cdef void by_each(self, PriceOne price, void* terms) noexcept
    cdef void by_walk(self, WalkAll walk, void* terms, uint64_t vault_out) noexcept
    cdef int price(self, const uint64_t* amounts, uint64_t* outputs, Py_ssize_t count) except -1
    cdef int ended_walk(self) except -1
    cdef array.array outputs(self, amounts_in)


cdef array.array outputs_by(pricing, amounts_in)
cdef void* room_for(Py_ssize_t count, size_t item_bytes) except NULL


cdef inline u128 unpayable() noexcept nogil:
    """The cost of a stretch that no amount of 64 bits pays."""
    return u128_of(UINT64_MAX, UINT64_MAX)


cdef inline void end_with(Ladder* ladder, u128 bought) noexcept nogil:
    """End the first amount left with what it has bought so far and, inside this stretch, `bought`."""
    cdef u128 paid = ladder.paid + bought
    ladder.outputs[ladder.first] = 0 if paid > ladder.vault_out else <uint64_t>paid
    ladder.first += 1


cdef inline void refuse(Ladder* ladder) noexcept nogil:
    """End the first amount left with nothing."""
    ladder.first += 1


cdef inline bint goes_on(Ladder* ladder) noexcept nogil:
    """End those who have nothing left; whether anybody has."""
    while ladder.first < ladder.count and ladder.amounts[ladder.first] == ladder.spent:
        end_with(ladder, 0)
    return ladder.first < ladder.count


cdef inline void end_all(Ladder* ladder) noexcept nogil:
    """End everybody here; what is left over stays with the trader."""
    while ladder.first < ladder.count:
        end_with(ladder, 0)


cdef inline bint ended(const Ladder* ladder) noexcept nogil:
    """Whether nobody is left."""
    return ladder.first == ladder.count


cdef inline uint64_t unspent(const Ladder* ladder) noexcept nogil:
    """What the first amount left still has; there is one."""
    return ladder.amounts[ladder.first] - ladder.spent


cdef inline bint ends_inside(const Ladder* ladder, u128 cost) noexcept nogil:
    """Whether somebody is left who cannot pay `cost` whole."""
    return ladder.first < ladder.count and unspent(ladder) < cost


cdef inline bint pass_through(Ladder* ladder, u128 cost, u128 bought) noexcept nogil:
    """Take everybody left, and somebody is, through a stretch; False where no vault could pay so much."""
    ladder.spent += <uint64_t>cost
    ladder.paid += bought
    return u128_high(ladder.paid) == 0
