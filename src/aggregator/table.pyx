"""The quote table: per row the newest answer of each source; from one message to shared memory in one pass.

What arrives is checked against the row it claims to be: a number may have been given to another amount while the answer
was on its way. A changed answer is scored and put into its source's shared-memory batch where it is placed, one that only
says the same again is noted there as confirmed. What becomes stale by its age alone is marked when it is looked at. How
rows are told is `told_rows`, what is held of them `held_rows`.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset

cimport cython

from aggregator._scoring cimport *
from aggregator.columns cimport *
from aggregator.held_rows cimport *
from aggregator.shm_publisher cimport ShmPublisher
from aggregator.told_rows cimport ToldRows

from aggregator.held import Arrival, Source
from aggregator.upstream_wire import SLOT_MAX as SLOT_MAX_OF_FILES
from aggregator.upstream_wire import held_local_bytes
from quote_core.units import AMOUNT_MAX as AMOUNT_MAX_OF_UNITS

__all__ = ["LOOK_NS_MAX", "QuoteTable"]

LOOK_NS_MAX = 1_000_000_000
"""Ages of another host's answers go by the wall clock, which may be set: all are looked at again after so long."""

cdef int64_t LOOK_MAX = LOOK_NS_MAX
cdef uint64_t AMOUNT_MAX = AMOUNT_MAX_OF_UNITS
cdef uint64_t SLOT_MAX = SLOT_MAX_OF_FILES


@cython.final
cdef class QuoteTable(ToldRows):
    """All rows, by number."""

    cdef int64_t look_at_mono_ns    # before that no answer can have become stale by its age
    cdef readonly uint64_t misdirected_count

    # ---- taking -----------------------------------------------------------------------------------------------------

    def take(self, quotes):
        """Take answers one by one, of one source: place, score, write those that changed; tell what they did."""
        cdef list changed = [], confirmed = []
        self.begin()
        for quote in quotes:
            self.take_one(group_of_one(quote), changed, confirmed)
        self.send()
        return Arrival(tuple(changed), tuple(confirmed))

    cdef int take_one(self, QuoteGroup group, list changed, list confirmed) except -1:
        """Take a group of one."""
        cdef QuoteNumbers numbers
        cdef object quote = group.quote
        cdef int side = group.source - 1
        cdef int64_t age = self.age_of(group)
        memset(&numbers, 0, sizeof(numbers))
        numbers.row = quote.row
        numbers.input_amount = quote.key.input_amount
        numbers.output_amount = quote.output_amount
        numbers.version = quote.version
        direction = self.directions.get((group.input_mint, group.output_mint))
        return self.settle(
            side, group, direction, &numbers, quote.price_impact_fraction, self.is_stale_now(side, group, age), age,
            changed, confirmed,
        )

    def take_columns(self, LocalColumns columns not None, Py_ssize_t first, Py_ssize_t count):
        """The same with up to `count` of a message's quotes, from the `first` on."""
        cdef QuoteGroup group
        cdef QuoteNumbers numbers, told
        cdef Run* run
        cdef uint32_t which, place, end
        cdef Py_ssize_t skip = first, left = count
        cdef uint64_t pool_update_ns = 0
        cdef int64_t age
        cdef bint is_stale, is_told
        cdef int change
        cdef list changed = [], confirmed = [], routed = []
        cdef uint32_t impossible_count = 0
        self.begin()
        for which in range(columns.run_count):
            run = &columns.runs[which]
            if skip >= run.count:
                skip -= run.count
                continue
            if left == 0:
                break
            group = <QuoteGroup>columns.groups[which]
            direction = self.directions.get((group.input_mint, group.output_mint))
            age = self.age_of(group)
            is_stale = self.is_stale_now(LOCAL_SIDE, group, age)
            is_told = False
            end = <uint32_t>min(<Py_ssize_t>run.count, skip + left)
            left -= end - skip
            for place in range(<uint32_t>skip, end):
                read_numbers(run, place, &numbers)
                if is_possible(group, &numbers):
                    told, is_told = numbers, True
                    change = self.settle(
                        LOCAL_SIDE, group, direction, &numbers, at_least(numbers.impact, 0.0), is_stale, age, changed,
                        confirmed,
                    )
                else:
                    impossible_count += 1
                    change = self.take_one(
                        group_of_one(held_local_bytes(group.message(&numbers, 1.0))), changed, confirmed
                    )
                if change and group.pool_received_mono_ns > pool_update_ns:
                    pool_update_ns = group.pool_received_mono_ns
            if is_told:
                routed.append(group.held(&told, is_stale, scale_of(direction)))
            skip = 0
        self.send()
        return Arrival(tuple(changed), tuple(confirmed), pool_update_ns, impossible_count, tuple(routed))

    cdef int settle(
        self, int side, QuoteGroup group, object direction, const QuoteNumbers* numbers, double impact_fraction,
        bint is_stale, int64_t age, list changed, list confirmed,
    ) except -1:
        """Place one answer, and put it where it is told; whether its row says something else now."""
        cdef uint32_t row = numbers.row
        if (row >= self.row_count or direction is None or self.row_directions[row] is not direction
                or self.rows[row].input_amount != numbers.input_amount):
            self.misdirected_count += 1
            return 0
        cdef list groups = self.local_groups if side == LOCAL_SIDE else self.external_groups
        cdef Side* old = &self.sides[side][row]
        cdef bint is_changed = groups[row] is None or differs(<QuoteGroup>groups[row], old, group, numbers, is_stale)
        groups[row] = group
        old.numbers = numbers[0]
        old.impact_fraction = impact_fraction
        old.is_stale = is_stale
        self.stamp_row(row)
        self.bodies_told[row] = None
        if is_changed:
            self.rows[row].version += 1
            changed.append(row)
            self.put(side, row, age)
            file = self.file_of(side)
            if file is not None and not is_stale and group.refusal is None:
                file.note(row, group, numbers)
        else:
            confirmed.append(row)
            file = self.file_of(side)
            if file is not None:
                file.confirm(row)
        return is_changed

    cdef int put(self, int side, uint32_t row, int64_t age) except -1:
        """Score a source's answer for a row and put it into its batch."""
        cdef ShmPublisher file = self.file_of(side)
        cdef QuoteGroup group
        cdef RowDirection direction
        cdef Side* answer = &self.sides[side][row]
        cdef Score score
        cdef double oracle_rate
        if file is None:
            return 0
        file.settle(row)
        group = self.group_of(side, row)
        if group.refusal is not None:
            return file.mark_stale(row)
        direction = <RowDirection>self.row_directions[row]
        oracle_rate = self.oracle_rate(row, direction)
        self.score(&score, row, group, answer, direction, oracle_rate, age)
        return file.put(
            row, group, &answer.numbers, answer.impact_fraction, answer.is_stale, &score, oracle_rate, age, &self.now,
            direction.input_bytes, direction.output_bytes,
        )

    cdef int send(self) except -1:
        """Publish what was put, and tell of it where it is traced."""
        for known in (self.local_file, self.external_file):
            if known is not None:
                file = <ShmPublisher>known
                file.send()
                file.tell(self.now.unix_ns)
        return 0

    # ---- time -------------------------------------------------------------------------------------------------------

    def expire(self):
        """Mark what has grown older than its source's limit, in shared memory too; the answers that became stale."""
        cdef uint32_t row
        cdef int side
        cdef int64_t age
        cdef list expired = []
        self.begin()
        if <int64_t>self.now.mono_ns < self.look_at_mono_ns:
            return ()
        self.look_at_mono_ns = <int64_t>self.now.mono_ns + LOOK_MAX
        for row in range(self.row_count):
            for side in range(2):
                known = self.group_of(side, row)
                if known is None or self.sides[side][row].is_stale:
                    continue
                age = self.age_of(known)
                if self.is_stale_now(side, known, age):
                    self.sides[side][row].is_stale = True
                    self.rows[row].version += 1
                    self.bodies_told[row] = None
                    self.put(side, row, age)
                    expired.append((Source(side + 1), row))
        self.send()
        return tuple(expired)

    def beat(self):
        """Renew both files' heartbeats, and write a bounded share of the rows confirmed since."""
        self.begin()
        for side, known in enumerate((self.local_file, self.external_file)):
            if known is not None:
                self.beat_file(side, <ShmPublisher>known)

    cdef int beat_file(self, int side, ShmPublisher file) except -1:
        cdef int32_t row
        cdef int64_t age
        cdef uint32_t count = 0
        while count < file.confirmed_per_beat_max:
            row = file.first_waiting()
            if row < 0:
                break
            group = self.group_of(side, row)
            if group.refusal is None:
                age = self.age_of(group)
                if self.is_stale_side(side, row, group):
                    self.put_as_stale(side, row, age)
                else:
                    self.put(side, row, age)
            file.settle(row)
            count += 1
        file.send()
        file.beat()
        return 0

    cdef int put_as_stale(self, int side, uint32_t row, int64_t age) except -1:
        """Put what will be marked when all are looked at: it is stale by now."""
        cdef Side* answer = &self.sides[side][row]
        cdef bint was_stale = answer.is_stale
        answer.is_stale = True
        try:
            return self.put(side, row, age)
        finally:
            answer.is_stale = was_stale

    cdef bint is_stale_now(self, int side, QuoteGroup group, int64_t age) noexcept:
        """Whether an answer is stale as of now; when it will be by its age alone, all are looked at."""
        cdef int64_t fresh_for_ns
        if group.is_stale or group.refusal is not None:
            return group.is_stale
        fresh_for_ns = self.stale_after_ns[side] - age
        if fresh_for_ns < 0:
            return True
        if <int64_t>self.now.mono_ns + fresh_for_ns < self.look_at_mono_ns:
            self.look_at_mono_ns = <int64_t>self.now.mono_ns + fresh_for_ns + 1
        return False


cdef bint is_possible(QuoteGroup group, const QuoteNumbers* numbers) noexcept:
    """Whether a quote can be like that: what `upstream_wire` refuses by name. Written so that NaN is none."""
    return (
        0 < numbers.output_amount <= AMOUNT_MAX and -1.0 <= numbers.impact <= 1.0 and group.vouched_slot <= SLOT_MAX
    )


cdef bint differs(
    QuoteGroup before, const Side* old, QuoteGroup after, const QuoteNumbers* numbers, bint is_stale
) except -1:
    """Whether a row says something else with an answer than with the one before."""
    return (
        old.numbers.version != numbers.version
        or old.numbers.output_amount != numbers.output_amount
        or old.is_stale != is_stale
        or before.route_id != after.route_id
        or before.has_oracle != after.has_oracle
        or (after.has_oracle and before.oracle_price != after.oracle_price)
        or (before.refusal is not after.refusal and before.refusal != after.refusal)
    )
