# cython: language_level=3
"""The streamed rows' present quotes in C, and how a direction of them is settled; the .pxd is the data sheet.

`settlement` is the readable twin of the settlement, and a property test holds the two equal.
"""

from cpython cimport array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from local_quote.pool_prices cimport Side
from quote_core.dex._ladder_frame cimport outputs_by

import array

from local_quote.settlement import RowState

__all__ = ["Offer", "PoolOffer", "QuoteRows", "standing", "states_of"]

cdef array.array _NUMBERS = array.array("I")
assert sizeof(Row) == 64 and _NUMBERS.itemsize == sizeof(uint32_t)

cdef enum:
    ROOM_MIN = 256


cdef class Offer:
    def __init__(self, input_token, output_token, int32_t number):
        self.input_token = input_token
        self.output_token = output_token
        self.number = number

    @property
    def outputs(self):
        return self._outputs

    @outputs.setter
    def outputs(self, outputs):
        if outputs is None or isinstance(outputs, array.array) and (<array.array>outputs).ob_descr.typecode == b"Q":
            self._outputs = outputs
        else:
            self._outputs = array.array("Q", outputs)

    cpdef stand(self, double net_price, bint is_stale):
        self._net_price = net_price
        self.is_stale = is_stale


cdef class PoolOffer(Offer):
    def __init__(self, input_token, output_token, PoolEntry entry, way, int32_t number):
        Offer.__init__(self, input_token, output_token, number)
        self.entry = entry
        self.entries = (entry,)
        self.way = way

    @property
    def depth_amount(self):
        return self.entry.prices.depth_amount(self.way)

    def price(self, amounts not None, clock, bint is_stale):
        cdef array.array outputs
        cdef const Side* side
        self._outputs = None
        self.entry.is_priced = True
        pricing = self.entry.pool.pricing(self.way, clock)
        outputs = outputs_by(pricing, amounts)
        side = self.entry.prices.side(self.entry.pool, self.way, clock, pricing)
        self._outputs = outputs
        self.stand(side.net_price, is_stale)


def standing(offers, int64_t now_mono_ns, int64_t stale_after_ns, int64_t refuse_after_ns):
    cdef PoolOffer offer
    cdef list standing = []
    for offer in offers:
        # past the limit by time alone since its ladder was priced
        if offer._outputs is not None and offer.entry.is_usable(now_mono_ns, refuse_after_ns):
            offer.is_stale = offer.entry.is_stale(now_mono_ns, stale_after_ns)
            standing.append(offer)
    return standing


cdef class QuoteRows:
    def __cinit__(self):
        self._free = []

    def __dealloc__(self):
        PyMem_Free(self.lines)

    def __len__(self):
        return self.count

    cdef Row* line(self, Py_ssize_t number) except NULL:
        if not 0 <= number < self.room or self.lines[number].amount == 0:
            raise IndexError(f"there is no row {number}")
        return &self.lines[number]

    def add(self, amounts):
        cdef array.array asked = array.array("Q", amounts)
        cdef array.array numbers = array.clone(_NUMBERS, len(asked), zero=False)
        cdef const uint64_t* amount = <const uint64_t*>asked.data.as_ulonglongs
        cdef Py_ssize_t index, count = len(asked)
        cdef uint32_t number
        for index in range(count):
            if amount[index] == 0:
                raise ValueError("nobody asks what nothing buys")
        while len(self._free) < count:
            self._grow()
        for index in range(count):
            number = numbers.data.as_uints[index] = self._free.pop()
            memset(&self.lines[number], 0, sizeof(Row))
            self.lines[number].amount = amount[index]
            self.lines[number].offer = NO_OFFER
        self.count += count
        return numbers

    cdef int _grow(self) except -1:
        cdef Py_ssize_t room = max(ROOM_MIN, 2 * self.room)
        cdef Row* lines = <Row*>PyMem_Realloc(self.lines, room * sizeof(Row))
        if lines == NULL:
            raise MemoryError
        memset(&lines[self.room], 0, (room - self.room) * sizeof(Row))
        self._free[:0] = range(room - 1, self.room - 1, -1)  # those given back lately are taken first
        self.lines, self.room = lines, room
        return 0

    def hold(self, numbers):
        for number in numbers:
            self.line(number).holder_count += 1

    def let_go(self, numbers):
        cdef list left = []
        cdef Row* row
        for number in numbers:
            row = self.line(number)
            row.holder_count -= 1
            if row.holder_count == 0:
                left.append(number)
        return left

    def remove(self, numbers):
        for number in numbers:
            self.line(number).amount = 0
            self._free.append(number)
            self.count -= 1

    def settle(
        self,
        array.array numbers not None,
        list offers not None,
        uint64_t now_unix_ns,
        uint64_t now_mono_ns,
        list changed not None,
    ):
        cdef Py_ssize_t count = len(numbers), bid_count = 0, unfilled_count = 0, changed_count = 0, index
        cdef const uint32_t* rows = numbers.data.as_uints
        cdef Bid* bids = <Bid*>PyMem_Malloc(max(1, len(offers)) * sizeof(Bid))
        cdef uint32_t* marked = <uint32_t*>PyMem_Malloc(max(1, count) * sizeof(uint32_t))
        cdef Offer offer
        cdef uint8_t is_stale
        cdef list unfilled
        try:
            if bids == NULL or marked == NULL:
                raise MemoryError
            for index in range(count):
                self.line(rows[index])
            for is_stale in range(2):
                for offer in offers:
                    if offer.is_stale == is_stale:
                        if offer._outputs is None or len(offer._outputs) != count:
                            raise ValueError("an offer is an output for every row")
                        bids[bid_count] = Bid(
                            <const uint64_t*>offer._outputs.data.as_ulonglongs,
                            offer._net_price,
                            offer.number,
                            is_stale,
                        )
                        bid_count += 1
            with nogil:
                _settle(
                    self.lines, rows, count, bids, bid_count, now_unix_ns, now_mono_ns,
                    marked, &changed_count, &unfilled_count,
                )
            for index in range(changed_count):
                changed.append(marked[index])
            unfilled = [marked[count - 1 - index] for index in range(unfilled_count)]
            return unfilled
        finally:
            PyMem_Free(bids)
            PyMem_Free(marked)

    def refuse(self, Py_ssize_t number):
        cdef Row* row = self.line(number)
        row.output = 0
        row.version += 1
        row.impact = 0
        row.offer = NO_OFFER
        row.is_stale = False

    def version(self, Py_ssize_t number):
        return self.line(number).version

    def offer(self, Py_ssize_t number):
        return self.line(number).offer

    def state(self, Py_ssize_t number):
        return _state_of(self.line(number))

    def copied(self, numbers):
        cdef bytes copies = PyBytes_FromStringAndSize(NULL, len(numbers) * <Py_ssize_t>sizeof(Row))
        cdef Row* to = <Row*>PyBytes_AS_STRING(copies)
        for number in numbers:
            to[0] = self.line(number)[0]
            to += 1
        return copies


def states_of(bytes copies not None):
    cdef const Row* row = <const Row*>PyBytes_AS_STRING(copies)
    return [_state_of(row + index) for index in range(len(copies) // <Py_ssize_t>sizeof(Row))]


cdef _state_of(const Row* row):
    return RowState(
        row.amount,
        row.output,
        row.offer,
        bool(row.is_stale),
        row.version,
        row.quoted_unix_ns,
        row.quoted_mono_ns,
        row.impact,
    )


cdef void _settle(
    Row* lines,
    const uint32_t* rows,
    Py_ssize_t count,
    const Bid* bids,
    Py_ssize_t bid_count,
    uint64_t now_unix_ns,
    uint64_t now_mono_ns,
    uint32_t* marked,
    Py_ssize_t* changed_count,
    Py_ssize_t* unfilled_count,
) noexcept nogil:
    # `marked` gets the rows that changed from its front on, and those that nobody fills from its end
    cdef Py_ssize_t index, position
    cdef uint64_t output
    cdef const Bid* bid
    cdef const Bid* best
    cdef Row* row
    for index in range(count):
        best, output = NULL, 0
        for position in range(bid_count):  # the fresh ones first, each kind in order of the pools' ids
            bid = &bids[position]
            if best != NULL and bid.is_stale and not best.is_stale:
                break
            if bid.outputs[index] > output:
                best, output = bid, bid.outputs[index]
        row = &lines[rows[index]]
        if best == NULL:
            unfilled_count[0] += 1
            marked[count - unfilled_count[0]] = rows[index]
        elif row.output != output or row.offer != best.offer or row.is_stale != best.is_stale:
            row.output = output
            row.version += 1
            row.quoted_unix_ns = now_unix_ns
            row.quoted_mono_ns = now_mono_ns
            row.impact = _impact(row.amount, output, best.net_price)
            row.offer = best.offer
            row.is_stale = best.is_stale
            marked[changed_count[0]] = rows[index]
            changed_count[0] += 1


cdef double _impact(uint64_t amount, uint64_t output, double net_price) noexcept nogil:
    # `local_quote.impact.price_impact`
    cdef double impact
    if net_price <= 0:
        return 0.0
    impact = 1.0 - <double>output / <double>amount / net_price
    return impact if impact > 0.0 else 0.0
