"""What is to be published, unpacked into private memory: one draft, or a batch of changes."""

import math

from libc.math cimport INFINITY, isnan
from libc.stdlib cimport calloc, free

from shm.layout cimport *

from shm.errors import BatchFull, ImpossibleQuote, IndexOutOfRange, OutdatedDraft

cdef enum:
    PPM = 1_000_000
    BPS = 10_000
    WRITER_FLAGS = SQ_FLAG_VALID | SQ_FLAG_STALE | SQ_FLAG_CONFIDENCE_PRESENT

cdef uint64_t AMOUNT_MAX = 2**63 - 1


cdef class QuoteSink:
    """What takes a quote by its fields, and the one place that names them: a draft, a batch, a writer."""

    cdef sq_update *room(self) except NULL:
        """Where the next quote is unpacked to."""
        raise NotImplementedError

    cdef int taken(self, sq_update *update) except -1:
        """The quote is unpacked, and can be one."""
        raise NotImplementedError

    def put(
        self, uint32_t index, *, uint64_t input_amount, uint64_t output_amount, uint64_t ts_ns,
        double oracle_price=math.nan, uint64_t route_id=0, uint32_t slot=0, uint16_t dex_id=0, uint8_t source=0,
        uint8_t flags=0, uint32_t price_impact_ppm=0, uint16_t confidence_bps=0, uint16_t ttl_slots=0,
        uint16_t kind=SQ_KIND_AMOUNTS,
    ):
        """Take one quote for an assigned entry: a writer publishes it at once, a batch and a draft keep it.

        Args:
            index: Entry, assigned before.
            input_amount: Smallest unit of the input token.
            output_amount: Smallest unit of the output token.
            ts_ns: Unix time the quote was last vouched for.
            oracle_price: NaN when there is none.
            route_id: Hash of the route: pools and order.
            slot: Slot of the state the quote rests on.
            dex_id: Of the first hop.
            source: Provider.
            flags: `Flag.STALE` or `Flag.CONFIDENCE_PRESENT`; valid and oracle-present follow from the call.
            price_impact_ppm: Parts per million.
            confidence_bps: Basis points.
            ttl_slots: Slots the quote may be used for.
            kind: What changed, a mask of `ChangeKind`.

        Raises:
            ImpossibleQuote: A value that no quote can have.
        """
        cdef sq_update *update = self.room()
        if index >= self.identities.count:
            raise IndexOutOfRange(index, self.identities.count)
        if (not 0 < input_amount <= AMOUNT_MAX or not 0 < output_amount <= AMOUNT_MAX or ts_ns == 0
                or price_impact_ppm > PPM or confidence_bps > BPS or flags & ~WRITER_FLAGS
                or not (isnan(oracle_price) or 0.0 < oracle_price < INFINITY)):
            refuse(input_amount, output_amount, ts_ns, price_impact_ppm, confidence_bps, flags, oracle_price)
        update.index = index
        update.kind = kind & ~SQ_KIND_IDENTITY
        update.entry.input_amount = input_amount
        update.entry.output_amount = output_amount
        update.entry.ts_ns = ts_ns
        update.entry.oracle_price = oracle_price
        update.entry.route_id = route_id
        update.entry.slot = slot
        update.entry.dex_id = dex_id
        update.entry.source = source
        update.entry.flags = flags | SQ_FLAG_VALID | (0 if isnan(oracle_price) else SQ_FLAG_ORACLE_PRESENT)
        update.entry.price_impact_ppm = price_impact_ppm
        update.entry.confidence_bps = confidence_bps
        update.entry.ttl_slots = ttl_slots
        self.taken(update)


cdef int refuse(
    uint64_t input_amount, uint64_t output_amount, uint64_t ts_ns, uint32_t price_impact_ppm, uint16_t confidence_bps,
    uint8_t flags, double oracle_price,
) except -1:
    """Name the first value that no quote can have."""
    for field, amount in (("input_amount", input_amount), ("output_amount", output_amount)):
        if not 0 < amount <= AMOUNT_MAX:
            raise ImpossibleQuote(field, "must be 1 to 2**63 - 1", amount)
    if ts_ns == 0:
        raise ImpossibleQuote("ts_ns", "must be the time the quote was vouched for", ts_ns)
    if price_impact_ppm > PPM:
        raise ImpossibleQuote("price_impact_ppm", f"must be at most {PPM}", price_impact_ppm)
    if confidence_bps > BPS:
        raise ImpossibleQuote("confidence_bps", f"must be at most {BPS}", confidence_bps)
    if flags & ~WRITER_FLAGS:
        raise ImpossibleQuote("flags", "may be STALE and CONFIDENCE_PRESENT; the others follow from the call", flags)
    raise ImpossibleQuote("oracle_price", "must be above zero and finite, or NaN for none", oracle_price)


cdef class Identities:
    """How often a writer gave each entry away: what was prepared for the pair before must not be published."""

    def __cinit__(self, uint32_t count):
        self.changes = <uint32_t *>calloc(count, sizeof(uint32_t))
        if self.changes == NULL:
            raise MemoryError
        self.count = count

    def __dealloc__(self):
        free(self.changes)


cdef class Draft(QuoteSink):
    """One entry's next quote, filled once and changed in place: the cheapest way to publish a single entry.

    Made by `QuoteWriter.draft`; it holds until its entry goes to another pair.
    """

    def __cinit__(self, Identities identities not None):
        self.identities = identities
        self.changes = identities.changes

    cdef sq_update *room(self) except NULL:
        return &self.update

    cdef int taken(self, sq_update *update) except -1:
        self.changes = &self.identities.changes[update.index]
        self.identity = self.changes[0]
        return 0

    @property
    def output_amount(self):
        """Amount bought."""
        return self.update.entry.output_amount

    @output_amount.setter
    def output_amount(self, uint64_t amount):
        if not 0 < amount <= AMOUNT_MAX:
            raise ImpossibleQuote("output_amount", "must be 1 to 2**63 - 1", amount)
        self.update.entry.output_amount = amount

    @property
    def ts_ns(self):
        """Unix time the quote was last vouched for."""
        return self.update.entry.ts_ns

    @ts_ns.setter
    def ts_ns(self, uint64_t ts_ns):
        if ts_ns == 0:
            raise ImpossibleQuote("ts_ns", "must be the time the quote was vouched for", ts_ns)
        self.update.entry.ts_ns = ts_ns

    @property
    def slot(self):
        """Slot of the state the quote rests on."""
        return self.update.entry.slot

    @slot.setter
    def slot(self, uint32_t slot):
        self.update.entry.slot = slot


cdef class Batch(QuoteSink):
    """Changes to publish as one, at most one for each entry of the table; made by `QuoteWriter.batch`."""

    def __cinit__(self, Identities identities not None):
        self.updates = <sq_update *>calloc(identities.count, sizeof(sq_update))
        self.put_at = <uint32_t *>calloc(identities.count, sizeof(uint32_t))
        if self.updates == NULL or self.put_at == NULL:
            raise MemoryError
        self.capacity = identities.count
        self.identities = identities

    def __dealloc__(self):
        free(self.updates)
        free(self.put_at)

    def __len__(self):
        return self.count

    cdef sq_update *room(self) except NULL:
        if self.count == self.capacity:
            raise BatchFull(self.capacity)
        return &self.updates[self.count]

    cdef int taken(self, sq_update *update) except -1:
        self.put_at[self.count] = self.identities.changes[update.index]
        self.count += 1
        return 0

    cdef int check(self, uint32_t entry_count) except -1:
        """Refuse what was put for a pair that has lost its entry since, or for a larger table than this."""
        cdef uint32_t number, index
        for number in range(self.count):
            index = self.updates[number].index
            if index >= entry_count:
                self.count = 0
                raise IndexOutOfRange(index, entry_count)
            if self.put_at[number] != self.identities.changes[index]:
                self.count = 0
                raise OutdatedDraft(index)
        return 0

    def clear(self):
        """Forget what was put."""
        self.count = 0
