# cython: language_level=3
"""Ladders that follow their rows, and the walk through those of a cycle; `ladder.py` is the specification.

Amounts are below 2**63, so that products fit 128 bits and sums 64.
"""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport INT64_MAX, INT64_MIN, UINT64_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memmove

from quote_core.dex.wide cimport mul_div_ceil, mul_div_floor, u128, u128_low

__all__ = ["Rungs", "Walk", "that_may_gain"]

cdef enum:
    ROOM_MIN = 16
    BPS = 10_000

cdef uint64_t NO_INPUT = UINT64_MAX
cdef double RATE_SLACK = 1e-9  # far above what eight operations on doubles may round


cdef class Rungs:
    def __cinit__(self):
        self.oldest_ns = self.newest_ns = INT64_MIN

    def __dealloc__(self):
        PyMem_Free(self.held)
        PyMem_Free(self.ladder.rungs)

    def __len__(self):
        return self.held_count

    def put(self, uint32_t row, uint64_t input_amount, uint64_t output_amount, uint64_t route_id, int64_t vouched_unix_ns):
        cdef int place
        cdef Rung* rung
        for place in range(self.held_count):
            rung = &self.held[place]
            if rung.row == row:
                if rung.input_amount != input_amount:
                    self.drop(row)
                    break
                rung.output_amount, rung.route_id, rung.vouched_unix_ns = output_amount, route_id, vouched_unix_ns
                self.is_changed = True
                return
        if self.held_count == self.room:
            self.make_room()
        place = self.held_count
        while place and self.held[place - 1].input_amount > input_amount:
            place -= 1
        memmove(&self.held[place + 1], &self.held[place], (self.held_count - place) * sizeof(Rung))
        self.held[place] = Rung(input_amount, output_amount, route_id, vouched_unix_ns, row)
        self.held_count += 1
        self.is_changed = True

    def drop(self, uint32_t row):
        cdef int place
        for place in range(self.held_count):
            if self.held[place].row == row:
                self.held_count -= 1
                memmove(&self.held[place], &self.held[place + 1], (self.held_count - place) * sizeof(Rung))
                self.is_changed = True
                return

    def least_output(self, uint64_t amount, int64_t oldest_ns, int64_t newest_ns):
        self.settle(oldest_ns, newest_ns)
        return least_output(&self.ladder, amount)

    def least_input(self, uint64_t output, int64_t oldest_ns, int64_t newest_ns):
        self.settle(oldest_ns, newest_ns)
        cdef uint64_t found = least_input(&self.ladder, output)
        return None if found == NO_INPUT else found

    def rows(self, uint64_t amount):
        cdef int above = first_above(&self.ladder, amount)
        cdef const Rung* low
        cdef const Rung* high
        if self.ladder.count == 0:
            return ()
        if above == 0:
            return (self.ladder.rungs[0].row,)
        low = &self.ladder.rungs[above - 1]
        if above == self.ladder.count:
            return (low.row,)
        high = &self.ladder.rungs[above]
        if low.route_id != high.route_id:
            return (low.row if least_output(&self.ladder, amount) == low.output_amount else high.row,)
        if low.input_amount == amount:
            return (low.row,)
        return (high.row, low.row)

    cdef int make_room(self) except -1:
        cdef int room = max(<int>ROOM_MIN, 2 * self.room)
        held = <Rung*>PyMem_Realloc(self.held, room * sizeof(Rung))
        if held == NULL:
            raise MemoryError
        self.held = held
        settled = <Rung*>PyMem_Realloc(self.ladder.rungs, room * sizeof(Rung))
        if settled == NULL:
            raise MemoryError
        self.ladder.rungs, self.room = settled, room
        return 0

    cdef void settle(self, int64_t oldest_ns, int64_t newest_ns) noexcept:
        cdef int place, count = 0
        cdef const Rung* rung
        cdef Rung* last
        cdef uint64_t output = UINT64_MAX
        if not self.is_changed:
            if self.oldest_ns == oldest_ns and self.newest_ns == newest_ns:
                return
            if self.is_whole and oldest_ns <= self.vouched_first_ns and self.vouched_last_ns <= newest_ns:
                return  # time has passed, and all are still within it
        self.is_changed, self.oldest_ns, self.newest_ns = False, oldest_ns, newest_ns
        self.is_whole, self.vouched_first_ns, self.vouched_last_ns = True, INT64_MAX, INT64_MIN
        for place in range(self.held_count):
            rung = &self.held[place]
            self.vouched_first_ns = min(self.vouched_first_ns, rung.vouched_unix_ns)
            self.vouched_last_ns = max(self.vouched_last_ns, rung.vouched_unix_ns)
            if not oldest_ns <= rung.vouched_unix_ns <= newest_ns:
                self.is_whole = False
                continue
            last = &self.ladder.rungs[count - 1] if count else NULL
            if last != NULL and last.input_amount == rung.input_amount:
                if rung.output_amount > last.output_amount or (
                    rung.output_amount == last.output_amount and rung.route_id > last.route_id
                ):
                    last[0] = rung[0]
                continue
            self.ladder.rungs[count] = rung[0]
            count += 1
        self.ladder.count, self.ladder.rate = count, 0.0
        for place in range(count - 1, -1, -1):
            last = &self.ladder.rungs[place]
            self.ladder.rate = max(self.ladder.rate, <double>last.output_amount / <double>last.input_amount)
            last.output_amount = output = min(output, last.output_amount)


cdef int first_above(const Ladder* ladder, uint64_t amount) noexcept nogil:
    """The first rung with a larger input, or how many there are."""
    cdef int low = 0, high = ladder.count, middle
    while low < high:
        middle = (low + high) // 2
        if ladder.rungs[middle].input_amount > amount:
            high = middle
        else:
            low = middle + 1
    return low


cdef uint64_t least_output(const Ladder* ladder, uint64_t amount) noexcept nogil:
    cdef int above = first_above(ladder, amount)
    cdef const Rung* low
    cdef const Rung* high
    if ladder.count == 0:
        return 0
    if above == ladder.count:
        return ladder.rungs[above - 1].output_amount
    high = &ladder.rungs[above]
    if above == 0:
        return scaled_floor(high.output_amount, amount, high.input_amount)
    low = &ladder.rungs[above - 1]
    if low.route_id != high.route_id:
        return max(low.output_amount, scaled_floor(high.output_amount, amount, high.input_amount))
    return low.output_amount + scaled_floor(
        amount - low.input_amount, high.output_amount - low.output_amount, high.input_amount - low.input_amount
    )


cdef uint64_t least_input(const Ladder* ladder, uint64_t output) noexcept nogil:
    cdef int start = 0, end = ladder.count, middle
    cdef const Rung* low
    cdef const Rung* high
    while start < end:  # the first rung that gives as much
        middle = (start + end) // 2
        if ladder.rungs[middle].output_amount >= output:
            end = middle
        else:
            start = middle + 1
    if start == ladder.count:
        return NO_INPUT
    high = &ladder.rungs[start]
    if start == 0:
        return scaled_ceil(output, high.input_amount, high.output_amount)
    low = &ladder.rungs[start - 1]
    if low.route_id != high.route_id:
        return max(scaled_ceil(output, high.input_amount, high.output_amount), low.input_amount)
    return low.input_amount + scaled_ceil(
        output - low.output_amount, high.input_amount - low.input_amount, high.output_amount - low.output_amount
    )


cdef inline uint64_t scaled_floor(uint64_t amount, uint64_t numerator, uint64_t denominator) noexcept nogil:
    return u128_low(mul_div_floor(amount, numerator, <u128>denominator))


cdef inline uint64_t scaled_ceil(uint64_t amount, uint64_t numerator, uint64_t denominator) noexcept nogil:
    return u128_low(mul_div_ceil(amount, numerator, <u128>denominator))


cdef class Walk:
    def __cinit__(self, legs):
        cdef int leg, source, room = 0
        cdef Rungs rungs
        self.kept = tuple([each for ladders in legs for each in ladders])
        self.leg_count = len(legs)
        self.source_count = len(legs[0]) if legs else 0
        if not 0 < self.leg_count <= LEGS_MAX or not 0 < self.source_count <= SOURCES_MAX:
            raise ValueError(f"{self.leg_count} legs of {self.source_count} ladders, at most {LEGS_MAX} of {SOURCES_MAX}")
        if len(self.kept) != self.leg_count * self.source_count:
            raise ValueError("each leg has as many ladders as any other")
        for leg in range(self.leg_count):
            for source in range(self.source_count):
                rungs = <Rungs?>self.kept[leg * self.source_count + source]
                self.ladders[leg][source] = &rungs.ladder

    def __dealloc__(self):
        PyMem_Free(self.amounts)

    def may_gain(self, int bps, int64_t oldest_ns, int64_t newest_ns):
        self.settle(oldest_ns, newest_ns)
        return self.rate() * (1.0 + RATE_SLACK) >= 1.0 + bps / 10_000.0

    def best_amounts(
        self, *, uint64_t gross_bps_min, uint64_t fee_bps, uint64_t fixed_cost, int64_t oldest_ns, int64_t newest_ns
    ):
        cdef Search search = Search(gross_bps_min, fee_bps, fixed_cost, 0, 0)
        cdef uint64_t before = 0, low, high, middle
        cdef bint passed = False, passes
        cdef int place
        self.settle(oldest_ns, newest_ns)
        self.find_candidates()
        for place in range(self.amount_count):
            passes = self.look_at(self.amounts[place], &search)
            if place and passes != passed:
                low, high = before, self.amounts[place]
                while high - low > 1:
                    middle = low + (high - low) // 2
                    if self.look_at(middle, &search) == passed:
                        low = middle
                    else:
                        high = middle
            before, passed = self.amounts[place], passes
        if search.rest == 0:
            return None
        along = [search.amount]
        for place in range(self.leg_count):
            along.append(self.output_of(place, along[place]))
        return tuple(along)

    def rows(self, amounts):
        cdef int leg
        return tuple([self.rows_of(leg, amounts[leg]) for leg in range(self.leg_count)])

    def rows_of(self, int leg, uint64_t amount):
        """Of the ladder that gives more, the first one of equals."""
        cdef int source = self.source_count - 1
        if least_output(self.ladders[leg][0], amount) >= least_output(self.ladders[leg][source], amount):
            source = 0
        return (<Rungs>self.kept[leg * self.source_count + source]).rows(amount)

    cdef double rate(self) noexcept nogil:
        """The best of all legs together."""
        cdef double rate = 1.0
        cdef int leg
        for leg in range(self.leg_count):
            rate *= max(self.ladders[leg][0].rate, self.ladders[leg][self.source_count - 1].rate)
        return rate

    cdef void settle(self, int64_t oldest_ns, int64_t newest_ns) noexcept:
        for rungs in self.kept:
            (<Rungs>rungs).settle(oldest_ns, newest_ns)

    cdef uint64_t output_of(self, int leg, uint64_t amount) noexcept nogil:
        cdef uint64_t most = least_output(self.ladders[leg][0], amount)
        if self.source_count > 1:
            most = max(most, least_output(self.ladders[leg][1], amount))
        return most

    cdef uint64_t input_of(self, int leg, uint64_t output) noexcept nogil:
        cdef uint64_t least = least_input(self.ladders[leg][0], output)
        if self.source_count > 1:
            least = min(least, least_input(self.ladders[leg][1], output))
        return least

    cdef bint look_at(self, uint64_t amount, Search* search) noexcept nogil:
        """Whether a size gains enough; keeps the one that leaves most."""
        cdef uint64_t out = amount, cost
        cdef int leg
        for leg in range(self.leg_count):
            out = self.output_of(leg, out)
        if out < amount or <u128>(out - amount) * BPS < <u128>amount * search.gross_bps_min:
            return False
        cost = scaled_ceil(amount, search.fee_bps, BPS) + search.fixed_cost
        if out - amount > cost and (
            out - amount - cost > search.rest or (out - amount - cost == search.rest and amount < search.amount)
        ):
            search.amount, search.rest = amount, out - amount - cost
        return True

    cdef int find_candidates(self) except -1:
        """All of `ladder.candidates`, ascending, some twice."""
        cdef int leg, source, place, before, room = 0
        cdef uint64_t amount
        for leg in range(self.leg_count):
            for source in range(self.source_count):
                room += self.ladders[leg][source].count
        if room > self.room:
            amounts = <uint64_t*>PyMem_Realloc(self.amounts, room * sizeof(uint64_t))
            if amounts == NULL:
                raise MemoryError
            self.amounts, self.room = amounts, room
        self.amount_count = 0
        for leg in range(self.leg_count):
            for source in range(self.source_count):
                for place in range(self.ladders[leg][source].count):
                    amount = self.ladders[leg][source].rungs[place].input_amount
                    before = leg
                    while before and amount != NO_INPUT:
                        before -= 1
                        amount = self.input_of(before, amount)
                    if amount != NO_INPUT:
                        self.amounts[self.amount_count] = amount
                        self.amount_count += 1
        qsort(self.amounts, self.amount_count, sizeof(uint64_t), &compared)
        return 0


def that_may_gain(list walks not None, int bps, int64_t oldest_ns, int64_t newest_ns):
    cdef double least = (1.0 + bps / 10_000.0) / (1.0 + RATE_SLACK)
    cdef Py_ssize_t place
    cdef Walk walk
    found = []
    for place in range(len(walks)):
        walk = <Walk?>walks[place]
        walk.settle(oldest_ns, newest_ns)
        if walk.rate() >= least:
            found.append(place)
    return found


cdef int compared(const void* one, const void* other) noexcept nogil:
    cdef uint64_t first = (<const uint64_t*>one)[0], second = (<const uint64_t*>other)[0]
    return (first > second) - (first < second)
