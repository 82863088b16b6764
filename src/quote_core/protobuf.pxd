# The protobuf wire format by the field: a tag (field number and wire type), then its value.
# Source: protobuf.dev, "Encoding". All numbers are little-endian, as every supported machine has them.
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum WireType:
    VARINT = 0
    FIXED64 = 1
    LEN = 2
    FIXED32 = 5

cdef enum:
    VARINT_SIZE_BYTES_MAX = 10
    SIZE_SIZE_BYTES_MAX = 5  # of a tag or a length, as protobuf's own parsers have it


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
    memcpy(at, &value, 8)
    return at + 8


cdef inline uint8_t* put_fixed64(uint8_t* at, uint32_t tag, uint64_t value) noexcept nogil:
    at = put_varint(at, tag)
    memcpy(at, &value, 8)
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


cdef inline uint64_t load64(const uint8_t* at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return value


cdef inline uint32_t load32(const uint8_t* at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline double load_double(const uint8_t* at) noexcept nogil:
    cdef double value
    memcpy(&value, at, 8)
    return value


# One field of a message: where it begins and ends, tag included, and its value, which of LEN is at `data`.
cdef struct Field:
    const uint8_t* begin
    const uint8_t* end
    uint32_t number
    uint32_t wire_type
    uint64_t value
    const uint8_t* data


# Read a varint; NULL when it is cut off or beyond 64 bits.
cdef inline const uint8_t* get_varint(const uint8_t* at, const uint8_t* end, uint64_t* value) noexcept nogil:
    cdef uint32_t shift = 0
    cdef uint64_t part
    value[0] = 0
    while at < end and shift < 64:
        part = at[0] & 0x7F
        if shift == 63 and part > 1:
            return NULL
        value[0] |= part << shift
        shift += 7
        at += 1
        if (at - 1)[0] < 0x80:
            return at
    return NULL


# Read one field that lies whole between `at` and `end`: where it ends, or NULL when it does not. Groups, which no
# message of ours has, are damage.
cdef inline const uint8_t* get_field(const uint8_t* at, const uint8_t* end, Field* field) noexcept nogil:
    cdef uint64_t tag
    field.begin = at
    at = get_varint(at, end, &tag)
    if at == NULL or at - field.begin > SIZE_SIZE_BYTES_MAX or tag >> 32 or tag < 8:
        return NULL
    field.number = <uint32_t>(tag >> 3)
    field.wire_type = <uint32_t>(tag & 7)
    field.data = NULL
    field.value = 0
    if field.wire_type == VARINT:
        at = get_varint(at, end, &field.value)
        if at == NULL:
            return NULL
    elif field.wire_type == FIXED64:
        if end - at < 8:
            return NULL
        field.value = load64(at)
        at += 8
    elif field.wire_type == FIXED32:
        if end - at < 4:
            return NULL
        field.value = load32(at)
        at += 4
    elif field.wire_type == LEN:
        field.data = at
        at = get_varint(at, end, &field.value)
        if at == NULL or at - field.data > SIZE_SIZE_BYTES_MAX or field.value > <uint64_t>(end - at):
            return NULL
        field.data = at
        at += field.value
    else:
        return NULL
    field.end = at
    return at
