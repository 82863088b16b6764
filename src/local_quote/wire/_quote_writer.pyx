# cython: language_level=3
"""`LocalQuote` and `LocalQuoteBatch` in the protobuf wire format, written field by field into one buffer.

A field is a tag (field number and wire type as a varint), then its value: a varint, eight bytes, or length and bytes.
Field numbers come from the generated classes, so the .proto stays their one place. The protobuf parser is the other
half of the tests. Source of the format: protobuf.dev, "Encoding".
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from quote_core.generated.solquote.v1.local_quote_pb2 import LocalQuote, LocalQuoteBatch
from quote_core.generated.solquote.v1.quotes_pb2 import Freshness, RouteHop

__all__ = ["write_batch", "write_body", "write_row", "write_tail"]

cdef enum:
    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    VARINT_SIZE_BYTES_MAX = 10
    # Room for every number of a body or tail with its tag; what is given as bytes comes on top.
    NUMBERS_SIZE_BYTES_MAX = 256
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
cdef uint32_t ROUTE = LocalQuote.ROUTE_FIELD_NUMBER << 3 | BYTES
cdef uint32_t ROW = LocalQuote.ROW_FIELD_NUMBER << 3 | VARINT
cdef uint32_t QUOTED_UNIX_NS = LocalQuote.QUOTED_UNIX_NS_FIELD_NUMBER << 3 | VARINT
cdef uint32_t DEPTH = LocalQuote.DEPTH_AMOUNT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t RECEIVED = LocalQuote.POOL_RECEIVED_MONO_NS_FIELD_NUMBER << 3 | VARINT
cdef uint32_t FRESHNESS = LocalQuote.FRESHNESS_FIELD_NUMBER << 3 | BYTES
cdef uint32_t VOUCHED_MONO_NS = Freshness.VOUCHED_MONO_NS_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t VOUCHED_UNIX_NS = Freshness.VOUCHED_UNIX_NS_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t BOOT_ID = Freshness.BOOT_ID_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t VOUCHED_SLOT = Freshness.VOUCHED_SLOT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t CHANGED_SLOT = Freshness.CHANGED_SLOT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t CHANGED_UNIX_NS = Freshness.CHANGED_UNIX_NS_FIELD_NUMBER << 3 | FIXED64
cdef uint32_t CHAIN_UNIX_S = Freshness.CHAIN_UNIX_S_FIELD_NUMBER << 3 | VARINT
cdef uint32_t HOP_INPUT = RouteHop.INPUT_AMOUNT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t HOP_OUTPUT = RouteHop.OUTPUT_AMOUNT_FIELD_NUMBER << 3 | VARINT
cdef uint32_t QUOTES = LocalQuoteBatch.QUOTES_FIELD_NUMBER << 3 | BYTES
cdef uint32_t SEQUENCE = LocalQuoteBatch.SEQUENCE_FIELD_NUMBER << 3 | VARINT
cdef uint32_t SNAPSHOT = LocalQuoteBatch.SNAPSHOT_FIELD_NUMBER << 3 | VARINT


cdef inline uint8_t* put_varint(uint8_t* at, uint64_t value) noexcept nogil:
    while value >= 0x80:
        at[0] = <uint8_t>(value | 0x80)
        value >>= 7
        at += 1
    at[0] = <uint8_t>value
    return at + 1


cdef inline uint8_t* put_number(uint8_t* at, uint32_t tag, uint64_t value) noexcept nogil:
    return put_varint(put_varint(at, tag), value)


cdef inline uint8_t* put_double(uint8_t* at, uint32_t tag, double value) noexcept nogil:
    at = put_varint(at, tag)
    memcpy(at, &value, 8)  # little-endian, as the wire wants it and every supported machine has it
    return at + 8


cdef inline uint8_t* put_fixed(uint8_t* at, uint32_t tag, uint64_t value) noexcept nogil:
    at = put_varint(at, tag)
    memcpy(at, &value, 8)  # little-endian, see put_double
    return at + 8


cdef inline uint8_t* put_raw(uint8_t* at, bytes data) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    memcpy(at, PyBytes_AS_STRING(data), size)
    return at + size


cdef inline Py_ssize_t varint_size(uint64_t value) noexcept nogil:
    cdef Py_ssize_t size = 1
    while value >= 0x80:
        value >>= 7
        size += 1
    return size


def write_body(
    bytes mints not None,
    bytes pool not None,
    bytes hop not None,
    bytes fee not None,
    uint64_t amount_in,
    uint64_t amount_out,
    double impact,
    uint64_t version,
    uint64_t quoted_unix_ns,
    uint64_t depth,
):
    cdef uint8_t numbers[NUMBERS_SIZE_BYTES_MAX]
    cdef uint8_t amounts[4 * VARINT_SIZE_BYTES_MAX]
    cdef uint8_t* at = numbers
    cdef uint8_t* hop_end = put_number(put_number(amounts, HOP_INPUT, amount_in), HOP_OUTPUT, amount_out)
    cdef Py_ssize_t amounts_size = hop_end - amounts
    cdef Py_ssize_t hop_size = PyBytes_GET_SIZE(hop) + amounts_size + PyBytes_GET_SIZE(fee)
    at = put_number(at, INPUT_AMOUNT, amount_in)
    at = put_number(at, OUTPUT_AMOUNT, amount_out)
    at = put_double(at, PRICE_IMPACT, impact)
    at = put_number(at, VERSION, version)
    at = put_number(at, QUOTED_UNIX_NS, quoted_unix_ns)
    at = put_number(at, DEPTH, depth)
    at = put_number(at, ROUTE, hop_size)
    cdef Py_ssize_t numbers_size = at - numbers
    cdef bytes body = PyBytes_FromStringAndSize(
        NULL, PyBytes_GET_SIZE(mints) + PyBytes_GET_SIZE(pool) + numbers_size + hop_size
    )
    at = <uint8_t*>PyBytes_AS_STRING(body)
    at = put_raw(at, mints)
    at = put_raw(at, pool)
    memcpy(at, numbers, numbers_size)
    at = put_raw(at + numbers_size, hop)
    memcpy(at, amounts, amounts_size)
    put_raw(at + amounts_size, fee)
    return body


def write_tail(
    uint64_t pool_age_ms,
    uint64_t cache_age_ms,
    bint is_stale,
    uint64_t vouched_slot,
    uint64_t vouched_mono_ns,
    uint64_t vouched_unix_ns,
    uint64_t boot_id,
    uint64_t changed_slot,
    uint64_t changed_unix_ns,
    int64_t chain_unix_s,
    bint has_oracle,
    double oracle_price,
    double deviation_percent,
):
    cdef uint8_t numbers[NUMBERS_SIZE_BYTES_MAX]
    cdef uint8_t freshness[FRESHNESS_SIZE_BYTES_MAX]
    cdef uint8_t* at = numbers
    cdef uint8_t* end = put_fixed(freshness, VOUCHED_MONO_NS, vouched_mono_ns)
    end = put_fixed(end, VOUCHED_UNIX_NS, vouched_unix_ns)
    end = put_fixed(end, BOOT_ID, boot_id)
    end = put_number(end, VOUCHED_SLOT, vouched_slot)
    end = put_number(end, CHANGED_SLOT, changed_slot)
    end = put_fixed(end, CHANGED_UNIX_NS, changed_unix_ns)
    end = put_number(end, CHAIN_UNIX_S, <uint64_t>chain_unix_s)
    cdef Py_ssize_t freshness_size = end - freshness
    at = put_number(at, POOL_AGE, pool_age_ms)
    at = put_number(at, CACHE_AGE, cache_age_ms)
    at = put_number(at, IS_STALE, is_stale)
    at = put_number(at, SLOT, vouched_slot)
    at = put_number(at, RECEIVED, vouched_mono_ns)
    at = put_number(at, FRESHNESS, freshness_size)
    memcpy(at, freshness, freshness_size)
    at += freshness_size
    if has_oracle:
        at = put_double(at, ORACLE_PRICE, oracle_price)
        at = put_double(at, DEVIATION, deviation_percent)
    return PyBytes_FromStringAndSize(<char*>numbers, at - numbers)


def write_row(uint32_t row):
    cdef uint8_t number[2 * VARINT_SIZE_BYTES_MAX]
    cdef uint8_t* end = put_number(number, ROW, row)
    return PyBytes_FromStringAndSize(<char*>number, end - number)


def write_batch(list bodies not None, list tails not None, list rows not None, uint64_t sequence, bint snapshot):
    if len(tails) != len(bodies) or len(rows) != len(bodies):
        raise ValueError("a body, a tail and a row for every quote")
    cdef Py_ssize_t size = 0
    cdef Py_ssize_t quote_size, index
    cdef uint32_t row
    cdef bytes body, tail
    for index in range(len(bodies)):
        body, tail, row = bodies[index], tails[index], rows[index]
        quote_size = PyBytes_GET_SIZE(body) + PyBytes_GET_SIZE(tail) + varint_size(ROW) + varint_size(row)
        size += varint_size(QUOTES) + varint_size(quote_size) + quote_size
    size += varint_size(SEQUENCE) + varint_size(sequence) + varint_size(SNAPSHOT) + 1
    cdef bytes batch = PyBytes_FromStringAndSize(NULL, size)
    cdef uint8_t* at = <uint8_t*>PyBytes_AS_STRING(batch)
    for index in range(len(bodies)):
        body, tail, row = bodies[index], tails[index], rows[index]
        quote_size = PyBytes_GET_SIZE(body) + PyBytes_GET_SIZE(tail) + varint_size(ROW) + varint_size(row)
        at = put_number(at, QUOTES, quote_size)
        at = put_raw(put_raw(at, body), tail)
        at = put_number(at, ROW, row)
    at = put_number(at, SEQUENCE, sequence)
    at = put_number(at, SNAPSHOT, snapshot)
    assert at == <uint8_t*>PyBytes_AS_STRING(batch) + size
    return batch
