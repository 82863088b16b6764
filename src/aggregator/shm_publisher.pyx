"""One source's quotes into its shared-memory file.

Changed rows go out at once, as one batch a message. Rows only confirmed carry a new time and nothing else; they are
conflated and trickle out with the heartbeat, so that a refresh of the whole table never laps a reader of the ring.
An entry gets its identity with its first quote; a row without a price is never valid there.

An entry's time is that of its quote's vouching by the wall clock of the moment it is written: `now - age`, so that a
step of the wall clock spoils no time for longer than until the next confirmation.

The table puts quotes here, scored; nothing here reads a clock.
"""

from libc.math cimport NAN, rint
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from shm.layout cimport *
from shm.protocol cimport sq_update

from aggregator._scoring cimport *

from aggregator.held import HeldTotals, Source, WrittenQuote
from quote_core.units import AMOUNT_MAX as AMOUNT_MAX_OF_UNITS

__all__ = ["ShmPublisher"]

cdef enum:
    PPM = 1_000_000
    TTL_SLOTS_MAX = 0xFFFF
    FACTOR_COUNT = 5
    NEW_ENTRY = SQ_KIND_AMOUNTS | SQ_KIND_ORACLE | SQ_KIND_ROUTE | SQ_KIND_FLAGS

cdef uint64_t AMOUNT_MAX = AMOUNT_MAX_OF_UNITS
cdef uint64_t SLOT_MAX = 0xFFFFFFFF


cdef class WrittenQuotes:
    """Quotes as they were when they were written, to be told of later; each is a `WrittenQuote` when it is."""

    def __dealloc__(self):
        free(self.notes)

    def __len__(self):
        return self.count

    def __iter__(self):
        cdef Py_ssize_t place
        for place in range(self.count):
            note = self.notes[place]
            yield WrittenQuote(
                Source(note.source),
                note.row,
                note.route_id,
                note.input_amount,
                note.output_amount,
                note.confidence,
                note.vouched_slot,
                note.version,
            )

    cdef int add(self, const Note* note) except -1:
        if self.count == self.capacity:
            notes = <Note*>realloc(self.notes, (2 * self.capacity + 64) * sizeof(Note))
            if notes == NULL:
                raise MemoryError
            self.notes, self.capacity = notes, 2 * self.capacity + 64
        self.notes[self.count] = note[0]
        self.count += 1
        return 0


cdef class ShmPublisher:
    """Writes one of the two files."""

    def __cinit__(self, writer not None, *, int64_t ttl_slots, spans=None):
        """Set it up.

        Args:
            writer: Writes the file, a `shm.QuoteWriter`.
            ttl_slots: Slots a reader may use a quote for.
            spans: Hears of what was written, where it is traced.
        """
        self.writer = writer
        self.spans = spans
        self.noted = WrittenQuotes()
        self.batch = writer.batch()
        self.ttl_slots = <uint16_t>min(ttl_slots, <int64_t>TTL_SLOTS_MAX)
        self.row_count = writer.counts.entries
        self.confirmed_per_beat_max = writer.counts.slots // 4
        self.written = <Written*>calloc(self.row_count, sizeof(Written))
        self.next_waiting = <uint16_t*>calloc(self.row_count + 1, sizeof(uint16_t))
        self.previous_waiting = <uint16_t*>calloc(self.row_count + 1, sizeof(uint16_t))
        self.is_waiting = <bint*>calloc(self.row_count, sizeof(bint))
        if self.written == NULL or self.next_waiting == NULL or self.previous_waiting == NULL or self.is_waiting == NULL:
            raise MemoryError
        self.next_waiting[self.row_count] = self.previous_waiting[self.row_count] = <uint16_t>self.row_count

    def __dealloc__(self):
        free(self.written)
        free(self.next_waiting)
        free(self.previous_waiting)
        free(self.is_waiting)

    @property
    def counts_by_confidence_bps(self):
        """Quotes put into a batch, by their confidence as the file has it."""
        return [self.by_confidence_bps[bps] for bps in range(BPS_MAX + 1)]

    def beat(self):
        """Renew the file's heartbeat."""
        self.writer.beat()

    cdef int put(
        self, uint32_t row, QuoteGroup group, const QuoteNumbers* numbers, double impact_fraction, bint is_stale,
        const Score* score, double oracle_rate, int64_t age, const Instant* now, bytes input_mint, bytes output_mint,
    ) except -1:
        """Put one quote with a price into the batch; what no quote can be is counted, and its entry marked."""
        cdef Written* written = &self.written[row]
        cdef int64_t ts_ns = <int64_t>now.unix_ns - age
        cdef sq_update* update
        cdef uint16_t kind = NEW_ENTRY
        cdef uint16_t confidence_bps
        if (not 0 < numbers.output_amount <= AMOUNT_MAX or not 0.0 <= impact_fraction <= 1.0
                or group.vouched_slot > SLOT_MAX or ts_ns <= 0):
            self.refused_count += 1
            return self.mark_stale(row)
        if self.batch.count == self.batch.capacity:
            self.send()
        if written.is_there:
            kind = kind_of(written, group, numbers, is_stale, oracle_rate)
        else:
            self.writer.assign(row, input_mint, output_mint)
        confidence_bps = <uint16_t>rint(score.capped * BPS_MAX)  # half to even, as `round`
        self.by_confidence_bps[confidence_bps] += 1
        update = self.batch.room()
        update.index = row
        update.kind = kind
        update.entry.input_amount = numbers.input_amount
        update.entry.output_amount = numbers.output_amount
        update.entry.ts_ns = <uint64_t>ts_ns
        update.entry.oracle_price = oracle_rate if oracle_rate > 0.0 else NAN
        update.entry.route_id = group.route_id
        update.entry.slot = <uint32_t>group.vouched_slot
        update.entry.dex_id = group.dex_id
        update.entry.source = <uint8_t>group.source
        update.entry.flags = SQ_FLAG_VALID | SQ_FLAG_CONFIDENCE_PRESENT
        if oracle_rate > 0.0:
            update.entry.flags |= SQ_FLAG_ORACLE_PRESENT
        if is_stale:
            update.entry.flags |= SQ_FLAG_STALE
        update.entry.price_impact_ppm = <uint32_t>rint(impact_fraction * PPM)
        update.entry.confidence_bps = confidence_bps
        update.entry.ttl_slots = self.ttl_slots
        self.batch.taken(update)
        written.is_there = True
        written.is_stale = is_stale
        written.input_amount = numbers.input_amount
        written.output_amount = numbers.output_amount
        written.route_id = group.route_id
        written.oracle_rate = oracle_rate
        written.boot_id = group.boot_id
        written.vouched_mono_ns = group.vouched_mono_ns
        written.vouched_unix_ns = group.vouched_unix_ns
        written.score = score[0]
        return 0

    cdef int note(self, uint32_t row, QuoteGroup group, const QuoteNumbers* numbers) except -1:
        """Note a fresh quote that was just put, where it is traced."""
        cdef Note note
        if self.spans is None:
            return 0
        note.source = group.source
        note.row = row
        note.route_id = group.route_id
        note.input_amount = numbers.input_amount
        note.output_amount = numbers.output_amount
        note.confidence = self.written[row].score.capped
        note.vouched_slot = group.vouched_slot
        note.version = numbers.version
        return self.noted.add(&note)

    cdef int tell(self, uint64_t began_unix_ns) except -1:
        """Tell of what was noted: it has been sent by now."""
        if self.noted.count:
            self.spans.written(self.noted, began_unix_ns)
            self.noted = WrittenQuotes()
        return 0

    cdef int mark_stale(self, uint32_t row) except -1:
        """Flag a row's entry, where it has one: it lost its price."""
        cdef uint32_t place
        if self.written[row].is_there:
            for place in range(self.batch.count):
                if self.batch.updates[place].index == row:  # it had one earlier in the same message
                    self.send()
                    break
            self.writer.mark_stale(row)
            self.written[row].is_stale = True
        return 0

    cdef int send(self) except -1:
        """Publish what was put."""
        if self.batch.count:
            self.published_count += <uint64_t>self.writer.publish_batch(self.batch)
        return 0

    cdef int free_row(self, uint32_t row) except -1:
        """Free the entry of what a number meant before."""
        self.settle(row)
        if self.written[row].is_there:
            memset(&self.written[row], 0, sizeof(Written))
            self.writer.retire_row(row)
        return 0

    cdef void confirm(self, uint32_t row) noexcept nogil:
        """Note a row that is as it was, but vouched for anew; it is scored when it is written."""
        cdef uint16_t last = self.previous_waiting[self.row_count]
        if self.is_waiting[row]:
            return
        self.is_waiting[row] = True
        self.waiting_count += 1
        self.next_waiting[last] = <uint16_t>row
        self.previous_waiting[row] = last
        self.next_waiting[row] = <uint16_t>self.row_count
        self.previous_waiting[self.row_count] = <uint16_t>row

    cdef void settle(self, uint32_t row) noexcept nogil:
        """The row waits no longer."""
        if not self.is_waiting[row]:
            return
        self.is_waiting[row] = False
        self.waiting_count -= 1
        self.next_waiting[self.previous_waiting[row]] = self.next_waiting[row]
        self.previous_waiting[self.next_waiting[row]] = self.previous_waiting[row]

    cdef int32_t first_waiting(self) noexcept nogil:
        """The row that has waited longest, -1 when none does."""
        return -1 if self.waiting_count == 0 else self.next_waiting[self.row_count]

    cdef object totals(self, const Formula* formula, const Instant* now):
        """What the file holds, added up, as it was scored when it was written."""
        cdef uint32_t row, which
        cdef Written* written
        cdef int64_t age_max = 0
        cdef double sums[FACTOR_COUNT]
        cdef uint64_t fresh = 0, stale = 0, impact = 0, deviation = 0, capped_stale = 0
        memset(sums, 0, sizeof(sums))
        for row in range(self.row_count):
            written = &self.written[row]
            if not written.is_there:
                continue
            if written.is_stale:
                stale += 1
            else:
                fresh += 1
            age = age_ns(formula, written.boot_id, written.vouched_mono_ns, written.vouched_unix_ns, now)
            age_max = max(age_max, age)
            for which in range(<uint32_t>FACTOR_COUNT):
                sums[which] += written.score.factors[which]
            impact += written.score.caps & (CAP_IMPACT_CAUTIOUS | CAP_IMPACT_SKIP) != 0
            deviation += written.score.caps & CAP_DEVIATION != 0
            capped_stale += written.score.caps & CAP_STALE != 0
        return HeldTotals(
            fresh, stale, age_max, tuple([sums[which] for which in range(<uint32_t>FACTOR_COUNT)]), (impact, deviation, capped_stale)
        )


cdef uint16_t kind_of(
    const Written* old, QuoteGroup group, const QuoteNumbers* numbers, bint is_stale, double oracle_rate
) noexcept:
    """What differs, as the ring's mask; 0 = only the time."""
    cdef uint16_t kind = 0
    if old.output_amount != numbers.output_amount or old.input_amount != numbers.input_amount:
        kind |= SQ_KIND_AMOUNTS
    if old.oracle_rate != oracle_rate:
        kind |= SQ_KIND_ORACLE
    if old.route_id != group.route_id:
        kind |= SQ_KIND_ROUTE
    if old.is_stale != is_stale:
        kind |= SQ_KIND_FLAGS
    return kind
