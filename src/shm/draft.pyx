"""What is to be published, unpacked into private memory: one draft, or a batch of changes."""

import math

from libc.math cimport isnan
from libc.stdlib cimport calloc, free

from shm.layout cimport *

from shm.errors import BatchFull, IndexOutOfRange

cdef enum:
    BATCH_UPDATES_MAX = SQ_ENTRY_COUNT


cdef int fill(
    sq_update *update, uint32_t index, uint64_t input_amount, uint64_t output_amount, uint64_t ts_ns,
    double oracle_price, uint64_t route_id, uint32_t slot, uint16_t dex_id, uint8_t source, uint8_t flags,
    uint32_t price_impact_ppm, uint16_t confidence_bps, uint16_t ttl_slots, uint16_t kind,
) except -1:
    """Unpack one change; publishing makes an entry valid, and a price that is a number makes it present."""
    if index >= SQ_ENTRY_COUNT:
        raise IndexOutOfRange(index, SQ_ENTRY_COUNT)
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
    return 0


cdef class Draft:
    """One entry's next quote, filled once and changed in place: the cheapest way to publish a single entry."""

    def __init__(
        self, uint32_t index, *, uint64_t input_amount, uint64_t output_amount, uint64_t ts_ns,
        double oracle_price=math.nan, uint64_t route_id=0, uint32_t slot=0, uint16_t dex_id=0, uint8_t source=0,
        uint8_t flags=0, uint32_t price_impact_ppm=0, uint16_t confidence_bps=0, uint16_t ttl_slots=0,
        uint16_t kind=SQ_KIND_AMOUNTS,
    ):
        fill(
            &self.update, index, input_amount, output_amount, ts_ns, oracle_price, route_id, slot, dex_id, source,
            flags, price_impact_ppm, confidence_bps, ttl_slots, kind,
        )

    @property
    def output_amount(self):
        """Amount bought."""
        return self.update.entry.output_amount

    @output_amount.setter
    def output_amount(self, uint64_t amount):
        self.update.entry.output_amount = amount

    @property
    def ts_ns(self):
        """Unix time the quote was made."""
        return self.update.entry.ts_ns

    @ts_ns.setter
    def ts_ns(self, uint64_t ts_ns):
        self.update.entry.ts_ns = ts_ns

    @property
    def slot(self):
        """Slot of the state the quote rests on."""
        return self.update.entry.slot

    @slot.setter
    def slot(self, uint32_t slot):
        self.update.entry.slot = slot


cdef class Batch:
    """Changes to publish as one, at most one for each entry of the table."""

    def __cinit__(self):
        self.updates = <sq_update *>calloc(BATCH_UPDATES_MAX, sizeof(sq_update))
        if self.updates == NULL:
            raise MemoryError
        self.capacity = BATCH_UPDATES_MAX

    def __dealloc__(self):
        free(self.updates)

    def __len__(self):
        return self.count

    cdef sq_update *room(self) except NULL:
        if self.count == self.capacity:
            raise BatchFull(self.capacity)
        return &self.updates[self.count]

    def put(
        self, uint32_t index, *, uint64_t input_amount, uint64_t output_amount, uint64_t ts_ns,
        double oracle_price=math.nan, uint64_t route_id=0, uint32_t slot=0, uint16_t dex_id=0, uint8_t source=0,
        uint8_t flags=0, uint32_t price_impact_ppm=0, uint16_t confidence_bps=0, uint16_t ttl_slots=0,
        uint16_t kind=SQ_KIND_AMOUNTS,
    ):
        """Add one change; the fields are those of `QuoteWriter.publish`."""
        fill(
            self.room(), index, input_amount, output_amount, ts_ns, oracle_price, route_id, slot, dex_id, source,
            flags, price_impact_ppm, confidence_bps, ttl_slots, kind,
        )
        self.count += 1

    def clear(self):
        """Forget what was put."""
        self.count = 0
