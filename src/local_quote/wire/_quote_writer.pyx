# cython: language_level=3
"""`LocalQuote`, `LocalQuoteBatch` and `LocalQuoteColumns` in the protobuf wire format, straight from the rows.

Field numbers come from the generated classes, so the .proto stays their one place. The protobuf parser is the other
half of the tests.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport UINT32_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from local_quote.pool_entry cimport PoolEntry
from local_quote.quote_rows cimport NO_OFFER, QuoteRows, Row
from quote_core.protobuf cimport *

from quote_core.generated.solquote.v1.local_quote_pb2 import (
    LocalQuote, LocalQuoteBatch, LocalQuoteColumns, LocalQuoteGroup,
)
from quote_core.generated.solquote.v1.quotes_pb2 import Freshness, RouteHop

__all__ = ["ToldQuotes", "write_chain_quote", "write_common", "write_quote"]

cdef enum:
    NS_PER_MS = 1_000_000
    # Room for every number of a quote with its tag; what is given as bytes comes on top.
    NUMBERS_SIZE_BYTES_MAX = 256
    COLUMN_COUNT = 7
    ROOM_MIN = 128
    # Four numbers of eight bytes and three varints, each with a tag of one byte.
    FRESHNESS_SIZE_BYTES_MAX = 4 * 9 + 3 * (1 + VARINT_SIZE_BYTES_MAX)

cdef uint32_t INPUT_AMOUNT = LocalQuote.INPUT_AMOUNT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t OUTPUT_AMOUNT = LocalQuote.OUTPUT_AMOUNT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t PRICE_IMPACT = LocalQuote.PRICE_IMPACT_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t POOL_AGE = LocalQuote.POOL_STATE_AGE_MS_FIELD_NUMBER << 3 | VARINT
cdef uint32_t CACHE_AGE = LocalQuote.QUOTE_CACHE_AGE_MS_FIELD_NUMBER << 3 | VARINT
cdef uint32_t IS_STALE = LocalQuote.IS_STALE_FIELD_NUMBER << 3 | VARINT
cdef uint32_t ORACLE_PRICE = LocalQuote.ORACLE_PRICE_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t DEVIATION = LocalQuote.DEVIATION_PERCENT_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t VERSION = LocalQuote.VERSION_FIELD_NUMBER << 3 | VARINT
cdef uint32_t SLOT = LocalQuote.SLOT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t ROUTE = LocalQuote.ROUTE_FIELD_NUMBER << 3 | LEN
cdef uint32_t ROW = LocalQuote.ROW_FIELD_NUMBER << 3 | VARINT
cdef uint32_t QUOTED_UNIX_NS = LocalQuote.QUOTED_UNIX_NS_FIELD_NUMBER << 3 | VARINT
cdef uint32_t DEPTH = LocalQuote.DEPTH_AMOUNT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t RECEIVED = LocalQuote.POOL_RECEIVED_MONO_NS_FIELD_NUMBER << 3 | VARINT
cdef uint32_t FRESHNESS = LocalQuote.FRESHNESS_FIELD_NUMBER << 3 | LEN
cdef uint32_t VOUCHED_MONO_NS = Freshness.VOUCHED_MONO_NS_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t VOUCHED_UNIX_NS = Freshness.VOUCHED_UNIX_NS_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t BOOT_ID = Freshness.BOOT_ID_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t VOUCHED_SLOT = Freshness.VOUCHED_SLOT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t CHANGED_SLOT = Freshness.CHANGED_SLOT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t CHANGED_UNIX_NS = Freshness.CHANGED_UNIX_NS_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t CHAIN_UNIX_S = Freshness.CHAIN_UNIX_S_FIELD_NUMBER << 3 | VARINT
cdef uint32_t HOP_INPUT = RouteHop.INPUT_AMOUNT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t HOP_OUTPUT = RouteHop.OUTPUT_AMOUNT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t QUOTES = LocalQuoteBatch.QUOTES_FIELD_NUMBER << 3 | LEN
cdef uint32_t SEQUENCE = LocalQuoteBatch.SEQUENCE_FIELD_NUMBER << 3 | VARINT
cdef uint32_t SNAPSHOT = LocalQuoteBatch.SNAPSHOT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t GROUPS = LocalQuoteColumns.GROUPS_FIELD_NUMBER << 3 | LEN
cdef uint32_t REFUSED = LocalQuoteColumns.REFUSED_FIELD_NUMBER << 3 | LEN
cdef uint32_t ROUTED = LocalQuoteColumns.ROUTED_FIELD_NUMBER << 3 | LEN
cdef uint32_t COLUMNS_SEQUENCE = LocalQuoteColumns.SEQUENCE_FIELD_NUMBER << 3 | VARINT
cdef uint32_t COLUMNS_SNAPSHOT = LocalQuoteColumns.SNAPSHOT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t COMMON = LocalQuoteGroup.COMMON_FIELD_NUMBER << 3 | LEN
cdef uint32_t HOP = LocalQuoteGroup.HOP_FIELD_NUMBER << 3 | LEN
# The columns in the order in which they are written, and the bytes of one value of each.
cdef uint32_t[COLUMN_COUNT] COLUMNS = [
    LocalQuoteGroup.ROWS_FIELD_NUMBER << 3 | LEN,
    LocalQuoteGroup.INPUT_AMOUNTS_FIELD_NUMBER << 3 | LEN,
    LocalQuoteGroup.OUTPUT_AMOUNTS_FIELD_NUMBER << 3 | LEN,
    LocalQuoteGroup.PRICE_IMPACTS_FIELD_NUMBER << 3 | LEN,
    LocalQuoteGroup.VERSIONS_FIELD_NUMBER << 3 | LEN,
    LocalQuoteGroup.QUOTED_UNIX_NS_FIELD_NUMBER << 3 | LEN,
    LocalQuoteGroup.QUOTE_CACHE_AGES_MS_FIELD_NUMBER << 3 | LEN,
]
cdef Py_ssize_t[COLUMN_COUNT] VALUE_SIZES_BYTES = [4, 8, 8, 8, 8, 8, 4]


def write_common(
    bytes constant not None,
    uint64_t depth,
    tuple entries not None,
    int64_t now_mono_ns,
    int64_t stale_after_ns,
    oracle_price,
):
    cdef uint8_t numbers[NUMBERS_SIZE_BYTES_MAX]
    cdef uint8_t freshness[FRESHNESS_SIZE_BYTES_MAX]
    cdef uint8_t* at = numbers
    cdef PoolEntry entry = entries[0], other
    cdef uint64_t slot = entry.vouched_slot
    cdef bint is_stale = False
    for other in entries:
        if other.vouched_mono_ns < entry.vouched_mono_ns:
            entry = other
        slot = min(slot, other.vouched_slot)
        is_stale = is_stale or other.is_stale(now_mono_ns, stale_after_ns)
    # What was vouched for before this host was started has no number on its clock, and no `boot_id`.
    cdef uint64_t vouched_mono_ns = <uint64_t>max(0, entry.vouched_mono_ns)
    cdef uint8_t* end = put_fixed64(freshness, VOUCHED_MONO_NS, vouched_mono_ns)
    end = put_fixed64(end, VOUCHED_UNIX_NS, <uint64_t>entry.vouched_unix_ns)
    end = put_fixed64(end, BOOT_ID, entry.vouched_boot_id)
    end = put_number(end, VOUCHED_SLOT, entry.vouched_slot)
    end = put_number(end, CHANGED_SLOT, entry.changed_slot)
    end = put_fixed64(end, CHANGED_UNIX_NS, <uint64_t>entry.changed_unix_ns)
    end = put_number(end, CHAIN_UNIX_S, <uint64_t>entry.chain_unix_s)
    cdef Py_ssize_t freshness_size = end - freshness
    at = put_number(at, DEPTH, depth)
    at = put_number(at, POOL_AGE, <uint64_t>entry.age_ns(now_mono_ns) // NS_PER_MS)
    at = put_number(at, IS_STALE, is_stale)
    at = put_number(at, SLOT, slot)
    at = put_number(at, RECEIVED, vouched_mono_ns)
    at = put_number(at, FRESHNESS, freshness_size)
    memcpy(at, freshness, freshness_size)
    at += freshness_size
    if oracle_price is not None:
        at = put_double(at, ORACLE_PRICE, oracle_price)
    cdef Py_ssize_t constant_size = PyBytes_GET_SIZE(constant), numbers_size = at - numbers
    cdef bytes common = PyBytes_FromStringAndSize(NULL, constant_size + numbers_size)
    memcpy(put_raw(<uint8_t*>PyBytes_AS_STRING(common), constant), numbers, numbers_size)
    return common


cdef struct Part:
    # what quotes of one offer have in common; the bytes are held by who made it
    const char* common
    const char* hop
    Py_ssize_t common_size
    Py_ssize_t hop_size
    bint has_oracle
    double oracle_price
    double scale


cdef Part part_of(bytes common, bytes hop, oracle_price, double scale) except *:
    return Part(
        PyBytes_AS_STRING(common),
        PyBytes_AS_STRING(hop),
        PyBytes_GET_SIZE(common),
        PyBytes_GET_SIZE(hop),
        oracle_price is not None,
        0.0 if oracle_price is None else oracle_price,
        scale,
    )


cdef struct Written:
    # the numbers of one quote: those before its hop's fields, and those behind them that are the hop's
    uint8_t[NUMBERS_SIZE_BYTES_MAX] numbers
    uint8_t[2 * (VARINT_SIZE_BYTES_MAX + 1)] amounts
    Py_ssize_t numbers_size
    Py_ssize_t amounts_size


cdef inline uint64_t cache_age_ms(const Row* row, uint64_t now_mono_ns) noexcept nogil:
    return (now_mono_ns - row.quoted_mono_ns) // NS_PER_MS if now_mono_ns > row.quoted_mono_ns else 0


cdef Py_ssize_t write_numbers(
    Written* quote, const Row* row, const Part* part, Py_ssize_t fee_size, uint64_t now_mono_ns
) noexcept nogil:
    """Write what is a quote's own; returns the size of the whole quote."""
    cdef double rate
    cdef uint8_t* at = put_number(put_number(quote.amounts, HOP_INPUT, row.amount), HOP_OUTPUT, row.output)
    quote.amounts_size = at - quote.amounts
    at = put_number(quote.numbers, INPUT_AMOUNT, row.amount)
    at = put_number(at, OUTPUT_AMOUNT, row.output)
    at = put_double(at, PRICE_IMPACT, row.impact)
    at = put_number(at, VERSION, row.version)
    at = put_number(at, QUOTED_UNIX_NS, row.quoted_unix_ns)
    at = put_number(at, CACHE_AGE, cache_age_ms(row, now_mono_ns))
    if part.has_oracle:
        rate = <double>row.output / <double>row.amount * part.scale
        at = put_double(at, DEVIATION, (rate - part.oracle_price) / part.oracle_price * 100)
    at = put_number(at, ROUTE, part.hop_size + quote.amounts_size + fee_size)
    quote.numbers_size = at - quote.numbers
    return part.common_size + quote.numbers_size + part.hop_size + quote.amounts_size + fee_size


cdef inline uint8_t* put_quote(uint8_t* at, const Written* quote, const Part* part) noexcept nogil:
    """What `write_numbers` has written, with what is common; the hop's fee may follow."""
    memcpy(at, part.common, part.common_size)
    at += part.common_size
    memcpy(at, quote.numbers, quote.numbers_size)
    at += quote.numbers_size
    memcpy(at, part.hop, part.hop_size)
    at += part.hop_size
    memcpy(at, quote.amounts, quote.amounts_size)
    return at + quote.amounts_size


def write_quote(
    bytes common not None,
    bytes hop not None,
    bytes fee not None,
    oracle_price,
    double scale,
    uint64_t amount_in,
    uint64_t amount_out,
    double impact,
    uint64_t version,
    uint64_t quoted_unix_ns,
    uint64_t quoted_mono_ns,
    uint64_t now_mono_ns,
):
    cdef Row row
    cdef Written quote
    cdef Part part = part_of(common, hop, oracle_price, scale)
    row.amount = amount_in
    row.output = amount_out
    row.impact = impact
    row.version = version
    row.quoted_unix_ns = quoted_unix_ns
    row.quoted_mono_ns = quoted_mono_ns
    cdef bytes data = PyBytes_FromStringAndSize(
        NULL, write_numbers(&quote, &row, &part, PyBytes_GET_SIZE(fee), now_mono_ns)
    )
    put_raw(put_quote(<uint8_t*>PyBytes_AS_STRING(data), &quote, &part), fee)
    return data


def write_chain_quote(
    bytes common not None,
    tuple hops not None,
    tuple amounts not None,
    oracle_price,
    double scale,
    double impact,
    uint64_t version,
    uint64_t quoted_unix_ns,
    uint64_t quoted_mono_ns,
    uint64_t now_mono_ns,
):
    cdef uint8_t numbers[NUMBERS_SIZE_BYTES_MAX]
    cdef uint8_t hop_amounts[2 * (VARINT_SIZE_BYTES_MAX + 1)]
    cdef uint8_t hop_head[2 * VARINT_SIZE_BYTES_MAX]
    cdef Row row
    cdef double rate
    cdef Py_ssize_t place, amounts_size
    cdef bytes hop
    cdef list parts = [common]
    if len(amounts) != len(hops) + 1:
        raise ValueError("an amount before every hop, and one behind the last")
    row.amount = amounts[0]
    row.output = amounts[len(hops)]
    row.quoted_mono_ns = quoted_mono_ns
    cdef uint8_t* at = put_number(put_number(numbers, INPUT_AMOUNT, row.amount), OUTPUT_AMOUNT, row.output)
    at = put_double(at, PRICE_IMPACT, impact)
    at = put_number(at, VERSION, version)
    at = put_number(at, QUOTED_UNIX_NS, quoted_unix_ns)
    at = put_number(at, CACHE_AGE, cache_age_ms(&row, now_mono_ns))
    if oracle_price is not None:
        rate = <double>row.output / <double>row.amount * scale
        at = put_double(at, DEVIATION, (rate - <double>oracle_price) / <double>oracle_price * 100)
    parts.append(PyBytes_FromStringAndSize(<char*>numbers, at - numbers))
    for place in range(len(hops)):
        hop = hops[place]
        at = put_number(put_number(hop_amounts, HOP_INPUT, amounts[place]), HOP_OUTPUT, amounts[place + 1])
        amounts_size = at - hop_amounts
        at = put_number(hop_head, ROUTE, PyBytes_GET_SIZE(hop) + amounts_size)
        parts.append(PyBytes_FromStringAndSize(<char*>hop_head, at - hop_head))
        parts.append(hop)
        parts.append(PyBytes_FromStringAndSize(<char*>hop_amounts, amounts_size))
    return b"".join(parts)


cdef struct Told:
    uint32_t row
    uint32_t number
    int32_t part  # below zero: of what is told apart, that at -1 - part


cdef class ToldQuotes:
    cdef QuoteRows _rows
    cdef Told* _told
    cdef Part* _parts
    cdef uint64_t _now_mono_ns
    cdef list _apart, _apart_tags, _part_bytes
    cdef Py_ssize_t _room
    cdef readonly Py_ssize_t count
    cdef readonly list offers, apart

    def __cinit__(self, QuoteRows rows not None, dict labels not None, told not None, list refused not None):
        cdef int32_t offer, last_offer = NO_OFFER, part = 0
        cdef dict parts = {}
        cdef tuple numbers
        self._rows = rows
        self._apart, self._apart_tags = [], []
        self.offers, self.apart = [], []
        for body, number in refused:
            self._tell(0, number, -1 - <int32_t>len(self._apart))
            self._apart.append(body)
            self._apart_tags.append(REFUSED)
        for row in told:
            offer = rows.line(row).offer
            if offer < 0:
                part = -1 - <int32_t>len(self._apart_tags)
                self.apart.append(row)
                self._apart_tags.append(REFUSED if offer == NO_OFFER else ROUTED)
            elif offer != last_offer:
                part = parts.setdefault(offer, len(parts))
                if part == len(self.offers):
                    self.offers.append(offer)
            last_offer = offer
            numbers = labels[row]
            for number in numbers:
                self._tell(row, number, part)

    cdef int _tell(self, uint32_t row, uint32_t number, int32_t part) except -1:
        cdef Py_ssize_t room
        cdef Told* told
        if self.count == self._room:
            room = max(ROOM_MIN, 2 * self._room)
            told = <Told*>PyMem_Realloc(self._told, room * sizeof(Told))
            if told == NULL:
                raise MemoryError
            self._told, self._room = told, room
        self._told[self.count] = Told(row, number, part)
        self.count += 1
        return 0

    def __dealloc__(self):
        PyMem_Free(self._told)
        PyMem_Free(self._parts)

    def __len__(self):
        return self.count

    def fill(self, list parts not None, list apart not None, uint64_t now_mono_ns):
        cdef Py_ssize_t position
        if len(parts) != len(self.offers) or len(apart) != len(self.apart):
            raise ValueError("a part for every offer, and a message for every row that is told apart")
        self._part_bytes, self._now_mono_ns = parts, now_mono_ns
        self._apart += apart
        self._parts = <Part*>PyMem_Malloc(max(1, len(parts)) * sizeof(Part))
        if self._parts == NULL:
            raise MemoryError
        for position in range(len(parts)):
            common, hop, oracle_price, scale = parts[position]
            self._parts[position] = part_of(common, hop, oracle_price, scale)

    def messages(self):
        return [self._write(position, position + 1, False, 0, False) for position in range(self.count)]

    def batches(self, *, Py_ssize_t count_max, uint64_t sequence, bint snapshot):
        return [
            self._write(start, min(start + count_max, self.count), True, sequence + start // count_max, snapshot)
            for start in range(0, self.count, count_max)
        ]

    def columns(self, *, Py_ssize_t count_max, uint64_t sequence, bint snapshot):
        return [
            self._write_columns(start, min(start + count_max, self.count), sequence + start // count_max, snapshot)
            for start in range(0, self.count, count_max)
        ]

    cdef bytes _write(self, Py_ssize_t start, Py_ssize_t stop, bint is_batch, uint64_t sequence, bint snapshot):
        """One quote as it is, or many as a batch."""
        cdef Written quote
        cdef Told* told
        cdef Py_ssize_t position, size = 0, quote_size
        cdef bytes data
        cdef uint8_t* at
        # Twice through the numbers costs less than too much room: what is given back of a large piece is new every time.
        for position in range(start, stop):
            quote_size = self._write_numbers(&quote, &self._told[position])
            size += framed_size(QUOTES, quote_size) if is_batch else quote_size
        if is_batch:
            size += varint_size(SEQUENCE) + varint_size(sequence) + varint_size(SNAPSHOT) + 1
        data = PyBytes_FromStringAndSize(NULL, size)
        at = <uint8_t*>PyBytes_AS_STRING(data)
        for position in range(start, stop):
            told = &self._told[position]
            quote_size = self._write_numbers(&quote, told)
            if is_batch:
                at = put_number(at, QUOTES, quote_size)
            if told.part < 0:
                at = put_raw(at, self._apart[-1 - told.part])
            else:
                at = put_quote(at, &quote, &self._parts[told.part])
            at = put_number(at, ROW, told.number)
        if is_batch:
            at = put_number(at, SEQUENCE, sequence)
            at = put_number(at, SNAPSHOT, snapshot)
        assert at == <uint8_t*>PyBytes_AS_STRING(data) + size
        return data

    cdef inline Py_ssize_t _write_numbers(self, Written* quote, const Told* told) except -1:
        """Write the numbers of a quote, of what is told apart nothing; returns the size of the whole, its row included."""
        if told.part < 0:
            return PyBytes_GET_SIZE(<bytes>self._apart[-1 - told.part]) + row_size(told.number)
        return row_size(told.number) + write_numbers(
            quote, &self._rows.lines[told.row], &self._parts[told.part], 0, self._now_mono_ns
        )

    cdef bytes _write_columns(self, Py_ssize_t start, Py_ssize_t stop, uint64_t sequence, bint snapshot):
        cdef Py_ssize_t part_count = len(self.offers), position, index
        cdef Group* groups = <Group*>PyMem_Malloc(max(1, part_count) * sizeof(Group))
        cdef Py_ssize_t size = varint_size(COLUMNS_SEQUENCE) + varint_size(sequence) + varint_size(COLUMNS_SNAPSHOT) + 1
        cdef Told* told
        cdef bytes data, message
        cdef uint32_t tag
        cdef uint8_t* at
        if groups == NULL:
            raise MemoryError
        try:
            memset(groups, 0, max(1, part_count) * sizeof(Group))
            for position in range(start, stop):
                told = &self._told[position]
                if told.part < 0:
                    tag = self._apart_tags[-1 - told.part]
                    message = self._apart[-1 - told.part]
                    size += framed_size(tag, PyBytes_GET_SIZE(message) + row_size(told.number))
                else:
                    groups[told.part].count += 1
            for index in range(part_count):
                if groups[index].count:
                    groups[index].size = group_size(&self._parts[index], groups[index].count)
                    size += framed_size(GROUPS, groups[index].size)
            data = PyBytes_FromStringAndSize(NULL, size)
            at = <uint8_t*>PyBytes_AS_STRING(data)
            for index in range(part_count):
                if groups[index].count:
                    at = put_group(at, &groups[index], &self._parts[index])
            for position in range(start, stop):
                told = &self._told[position]
                if told.part < 0:
                    tag = self._apart_tags[-1 - told.part]
                    message = self._apart[-1 - told.part]
                    at = put_number(at, tag, PyBytes_GET_SIZE(message) + row_size(told.number))
                    at = put_number(put_raw(at, message), ROW, told.number)
                else:
                    put_values(&groups[told.part], told.number, &self._rows.lines[told.row], self._now_mono_ns)
            at = put_number(at, COLUMNS_SEQUENCE, sequence)
            at = put_number(at, COLUMNS_SNAPSHOT, snapshot)
            assert at == <uint8_t*>PyBytes_AS_STRING(data) + size
            return data
        finally:
            PyMem_Free(groups)


cdef inline Py_ssize_t row_size(uint32_t number) noexcept nogil:
    return varint_size(ROW) + varint_size(number)


cdef inline Py_ssize_t framed_size(uint32_t tag, Py_ssize_t size) noexcept nogil:
    return varint_size(tag) + varint_size(size) + size


cdef struct Group:
    # one group of a message of columns: `columns` is where the next value of each goes
    Py_ssize_t count
    Py_ssize_t size
    uint8_t* columns[COLUMN_COUNT]


cdef Py_ssize_t group_size(const Part* part, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t size = framed_size(COMMON, part.common_size) + framed_size(HOP, part.hop_size)
    cdef int column
    for column in range(COLUMN_COUNT):
        size += framed_size(COLUMNS[column], count * VALUE_SIZES_BYTES[column])
    return size


cdef uint8_t* put_group(uint8_t* at, Group* group, const Part* part) noexcept nogil:
    """All of a group but the values, for which it leaves room."""
    cdef int column
    at = put_number(put_number(at, GROUPS, group.size), COMMON, part.common_size)
    memcpy(at, part.common, part.common_size)
    at = put_number(at + part.common_size, HOP, part.hop_size)
    memcpy(at, part.hop, part.hop_size)
    at += part.hop_size
    for column in range(COLUMN_COUNT):
        at = put_number(at, COLUMNS[column], group.count * VALUE_SIZES_BYTES[column])
        group.columns[column] = at
        at += group.count * VALUE_SIZES_BYTES[column]
    return at


cdef inline void put_values(Group* group, uint32_t number, const Row* row, uint64_t now_mono_ns) noexcept nogil:
    # little-endian, as the wire wants it
    cdef uint64_t age_ms = cache_age_ms(row, now_mono_ns)
    cdef uint32_t told_age_ms = <uint32_t>age_ms if age_ms < UINT32_MAX else UINT32_MAX
    cdef const void* values[COLUMN_COUNT]
    cdef int column
    values[:] = [&number, &row.amount, &row.output, &row.impact, &row.version, &row.quoted_unix_ns, &told_age_ms]
    for column in range(COLUMN_COUNT):
        memcpy(group.columns[column], values[column], VALUE_SIZES_BYTES[column])
        group.columns[column] += VALUE_SIZES_BYTES[column]
