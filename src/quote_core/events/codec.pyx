# cython: language_level=3
"""Events to FlatBuffers and back, in one pass and without a builder; see codec.pyi for its Python face.

Writing copies the class's template (`quote_core.events.layout`) and fills the values in at their places; texts and
vectors are appended. What readers would refuse is not written.

Reading trusts nothing. Every table, vtable, vector and text must lie inside the message, as FlatBuffers' own verifier
asks in C++ (the Python runtime has none); a field must lie inside its table and in no other field. A vtable that is
byte for byte our own needs no such look. A newer writer's message may have more fields, an older one's fewer.

Values are frozen dataclasses with slots, read and filled where the class's own member descriptors say, as `__slots__`
does it: there is no `__init__` that would do more than fill the slots, which `Shape` makes sure of.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.float cimport PyFloat_Check
from cpython.long cimport PyLong_Check
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport Py_EQ, PyObject, PyObject_Hash, PyObject_RichCompareBool, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_Check, PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_Check, PyUnicode_DecodeUTF8, PyUnicode_FromObject
from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

import dataclasses
import sys
import types

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.errors import LayoutMismatch
from quote_core.events import layout
from quote_core.events.fields import Fixed, String, Vector, scalar
from quote_core.events.subjects import EVENT_KINDS

__all__ = ["Codec", "EventView", "decode", "encode", "view"]

if sys.byteorder != "little":
    raise ImportError("numbers are copied as they lie, little-endian: this machine is not")

cdef extern from "Python.h":
    object PyType_GenericAlloc(PyTypeObject*, Py_ssize_t)
    const char* PyUnicode_AsUTF8AndSize(object, Py_ssize_t*) except NULL

cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        int type
        Py_ssize_t offset
    ctypedef struct PyMemberDescrObject:
        PyMemberDef* d_member
    int T_OBJECT_EX

cdef enum:
    BYTES_MAX = 64 * 1024
    FIELDS_MAX = 64
    STRUCT_BYTES_MAX = 256
    REASON_CHARS_MAX = 200
    ADDRESS_BYTES = 32
    ADDRESSES_HELD = 4096  # few mints and pools recur in all events

assert layout.EVENT_BYTES_MAX == BYTES_MAX

cdef enum Code:
    BOOL, U8, U16, U32, U64, I32, I64, F64, BYTES, ADDRESS, ENUM, STRUCT, TEXT, VECTOR, TABLE

cdef dict CODES = {
    "?": BOOL, "B": U8, "H": U16, "I": U32, "Q": U64, "i": I32, "q": I64, "d": F64,
    "bytes": BYTES, "address": ADDRESS, "enum": ENUM, "struct": STRUCT,
}

cdef struct Part:
    # A member of a struct, a field of a table, or a vector's item.
    Code code
    uint32_t at  # distance from the begin of its struct, or of a table of ours
    uint32_t size_bytes  # of what lies there: an offset for texts and vectors
    Py_ssize_t slot  # distance of the value from the begin of the object that holds it
    PyObject* below  # `Numbers` of an enum, `Shape` of a struct, `Items` of a vector; the shape keeps it

cdef uint8_t ZEROS[STRUCT_BYTES_MAX]


cdef class Numbers:
    """An enum's members by their number."""

    cdef PyObject* by_number[256]
    cdef int end
    cdef object python
    cdef list members

    def __cinit__(self, python):
        self.python, self.members = python, list(python)
        for member in self.members:
            assert 0 <= member.value <= 255
            self.by_number[<uint8_t>member.value] = <PyObject*>member
            self.end = max(self.end, <int>member.value + 1)


cdef class Items:
    """What a vector is of."""

    cdef Part item
    cdef uint32_t align_bytes
    cdef object kept

    def __cinit__(self, kind):
        self.kept = fill(&self.item, kind, 0)
        self.align_bytes = max(4, kind.align_bytes)


cdef object fill(Part* part, kind, uint32_t at):
    """Describe a part; what it returns must live as long as the part."""
    part.at = at
    if isinstance(kind, Fixed):
        part.code, part.size_bytes = CODES[kind.code], kind.size_bytes
        below = Numbers(kind.python) if part.code == ENUM else struct_shape(kind) if part.code == STRUCT else None
    else:
        part.code = TEXT if isinstance(kind, String) else VECTOR if isinstance(kind, Vector) else TABLE
        part.size_bytes = 4
        below = Items(kind.item) if part.code == VECTOR else None
    part.below = <PyObject*>below
    return below


cdef Py_ssize_t slot_of(python, str name) except -1:
    """Where objects of a class hold a field, as `__slots__` has laid it out."""
    descriptor = python.__dict__[name]
    assert type(descriptor) is types.MemberDescriptorType
    cdef PyMemberDef* member = (<PyMemberDescrObject*>descriptor).d_member
    assert member.type == T_OBJECT_EX and member.offset > 0
    return member.offset


cdef class Shape:
    """A struct, or a table of ours, and the class of its values; the root table has none."""

    cdef Part* parts
    cdef int count
    cdef object python
    cdef tuple names
    cdef list kept
    cdef list absent
    cdef object zero
    cdef bytes vtable
    cdef uint32_t size_bytes

    def __cinit__(self, python, tuple names, tuple kinds, tuple offsets):
        cdef int number
        assert len(names) <= FIELDS_MAX
        self.python, self.names, self.count, self.kept = python, names, len(names), []
        self.parts = <Part*>PyMem_Calloc(max(1, len(names)), sizeof(Part))
        if self.parts == NULL:
            raise MemoryError
        for number, (kind, offset) in enumerate(zip(kinds, offsets, strict=True)):
            self.kept.append(fill(&self.parts[number], kind, offset))
        if python is not None:
            # Nothing but filled slots makes an object of this class.
            assert dataclasses.is_dataclass(python) and python.__dataclass_params__.frozen
            assert not hasattr(python, "__post_init__") and not python.__dictoffset__ and not python.__weakrefoffset__
            assert {field.name for field in dataclasses.fields(python)} - {"header"} == set(names)
            for number in range(self.count):
                self.parts[number].slot = slot_of(python, names[number])
        self.absent = [absent_value(&self.parts[number]) for number in range(self.count)]

    def __dealloc__(self):
        PyMem_Free(self.parts)


cdef object absent_value(const Part* part):
    """What a field that is not there reads as; `None` = it must be there."""
    if part.code == TEXT:
        return ""
    if part.code == VECTOR:
        return ()
    if part.code == TABLE:  # the root's body, see Codec.find
        return None
    try:
        return read_fixed(part, ZEROS)
    except LayoutMismatch:
        return None


cdef Shape struct_shape(kind):
    cdef Shape shape = Shape(
        kind.python,
        tuple(member.name for member in kind.members),
        tuple(member.kind for member in kind.members),
        tuple(member.offset for member in kind.members),
    )
    assert kind.size_bytes <= STRUCT_BYTES_MAX
    shape.size_bytes = kind.size_bytes
    if None not in shape.absent:
        shape.zero = make_struct(shape, ZEROS)
    return shape


cdef Shape table_shape(table, python):
    cdef Shape shape = Shape(
        python, tuple(field.name for field in table.fields), tuple(field.kind for field in table.fields), table.offsets
    )
    shape.vtable, shape.size_bytes = table.vtable, table.size_bytes
    return shape


# Addresses: 32 bytes in a message, base58 in Python. One table a direction; a newcomer takes the place of an older one.

cdef struct HeldAddress:
    PyObject* text  # owned; NULL = free
    uint8_t raw[ADDRESS_BYTES]

cdef HeldAddress by_text[ADDRESSES_HELD]
cdef HeldAddress by_raw[ADDRESSES_HELD]


cdef int hold(HeldAddress* place, str text, const uint8_t* raw) except -1:
    cdef PyObject* before = place.text
    Py_INCREF(text)
    place.text = <PyObject*>text
    memcpy(place.raw, raw, ADDRESS_BYTES)
    Py_XDECREF(before)
    return 0


cdef int put_address(object value, uint8_t* to) except -1:
    cdef HeldAddress* place
    cdef bytes raw
    if not PyUnicode_Check(value):
        raise TypeError(f"must be an address as text, is {type(value).__name__}")
    value = PyUnicode_FromObject(value)  # a subclass may compare as it likes
    place = &by_text[<uint64_t>PyObject_Hash(value) % ADDRESSES_HELD]
    if place.text == NULL or not (
        place.text == <PyObject*>value or PyObject_RichCompareBool(<object>place.text, value, Py_EQ)
    ):
        raw = bytes(SoldersPubkey.from_string(value))
        assert len(raw) == ADDRESS_BYTES
        hold(place, value, <const uint8_t*>PyBytes_AS_STRING(raw))
        memcpy(to, PyBytes_AS_STRING(raw), ADDRESS_BYTES)
        return 0
    memcpy(to, place.raw, ADDRESS_BYTES)
    return 0


cdef str get_address(const uint8_t* at):
    cdef HeldAddress* place
    cdef uint64_t hashed  # addresses are as good as random; who makes some that meet only makes them miss
    memcpy(&hashed, at, 8)
    place = &by_raw[(hashed ^ (hashed >> 32)) % ADDRESSES_HELD]
    if place.text == NULL or memcmp(place.raw, at, ADDRESS_BYTES) != 0:
        text = str(SoldersPubkey((<const char*>at)[:ADDRESS_BYTES]))
        hold(place, text, at)
        return text
    return <str>place.text


# Writing

cdef int put_unsigned(object value, uint8_t* to, uint32_t size_bytes) except -1:
    cdef uint64_t number
    if not PyLong_Check(value):
        raise TypeError(f"must be an integer, is {type(value).__name__}")
    number = value
    if size_bytes < 8 and number >> (8 * size_bytes):
        raise OverflowError(f"{number} does not fit {size_bytes} bytes")
    memcpy(to, &number, size_bytes)
    return 0


cdef int put_signed(object value, uint8_t* to, uint32_t size_bytes) except -1:
    cdef int64_t number
    cdef int32_t short_number
    if not PyLong_Check(value):
        raise TypeError(f"must be an integer, is {type(value).__name__}")
    number = value
    if size_bytes == 4:
        short_number = <int32_t>number
        if short_number != number:
            raise OverflowError(f"{number} does not fit 4 bytes")
    memcpy(to, &number, size_bytes)
    return 0


cdef int put_double(object value, uint8_t* to) except -1:
    cdef double number
    if not PyFloat_Check(value) and not PyLong_Check(value):
        raise TypeError(f"must be a number, is {type(value).__name__}")
    number = value
    if not isfinite(number):  # readers refuse it
        raise ValueError(f"{number} is not a finite number")
    memcpy(to, &number, 8)
    return 0


cdef int put_bytes(object value, uint8_t* to, uint32_t size_bytes) except -1:
    if not PyBytes_Check(value):
        raise TypeError(f"must be bytes, is {type(value).__name__}")
    if PyBytes_GET_SIZE(value) != size_bytes:
        raise ValueError(f"has {len(value)} bytes, must have {size_bytes}")
    memcpy(to, PyBytes_AS_STRING(value), size_bytes)
    return 0


cdef int put_enum(object value, Numbers numbers, uint8_t* to) except -1:
    cdef int number
    for number in range(numbers.end):
        if numbers.by_number[number] == <PyObject*>value:
            to[0] = <uint8_t>number
            return 0
    raise TypeError(f"must be a {numbers.python.__name__}, is {value!r}")


cdef int put_struct(object value, Shape shape, uint8_t* to) except -1:
    """Padding between members is left as it is, which is zero."""
    cdef int number
    if type(value) is not shape.python:
        raise TypeError(f"must be a {shape.python.__name__}, is {type(value).__name__}")
    for number in range(shape.count):
        put_fixed(value_of(value, &shape.parts[number]), &shape.parts[number], to + shape.parts[number].at)
    return 0


cdef inline object value_of(object holder, const Part* part):
    cdef PyObject* value = (<PyObject**>(<char*><PyObject*>holder + part.slot))[0]
    if value == NULL:
        raise ValueError("is not set")
    return <object>value


cdef int put_fixed(object value, const Part* part, uint8_t* to) except -1:
    if part.code == U64:
        return put_unsigned(value, to, 8)
    if part.code == U32 or part.code == U16 or part.code == U8:
        return put_unsigned(value, to, part.size_bytes)
    if part.code == I64 or part.code == I32:
        return put_signed(value, to, part.size_bytes)
    if part.code == STRUCT:
        return put_struct(value, <Shape>part.below, to)
    if part.code == ADDRESS:
        return put_address(value, to)
    if part.code == BYTES:
        return put_bytes(value, to, part.size_bytes)
    if part.code == F64:
        return put_double(value, to)
    if part.code == ENUM:
        return put_enum(value, <Numbers>part.below, to)
    if part.code == BOOL:
        if value is not True and value is not False:
            raise TypeError(f"must be True or False, is {type(value).__name__}")
        to[0] = value is True
        return 0
    raise AssertionError(part.code)


cdef int require_room(Py_ssize_t size_bytes) except -1:
    if size_bytes > BYTES_MAX:
        raise LayoutMismatch("", f"has {size_bytes} bytes or more, at most {BYTES_MAX} are a message")
    return 0


cdef Py_ssize_t append(object value, const Part* part, uint8_t* message, Py_ssize_t end, uint8_t* offset) except -1:
    """Write a text or vector behind what is there, and its distance to where it is looked for; returns the new end."""
    cdef Items items
    cdef const char* text = NULL
    cdef Py_ssize_t count, number, size_bytes, start
    cdef uint32_t align_bytes = 4, word
    if part.code == TEXT:
        if not PyUnicode_Check(value):
            raise TypeError(f"must be text, is {type(value).__name__}")
        text = PyUnicode_AsUTF8AndSize(value, &count)
        size_bytes = count + 1
    else:
        items = <Items>part.below
        if not PyTuple_Check(value):
            raise TypeError(f"must be a tuple, is {type(value).__name__}")
        count = PyTuple_GET_SIZE(value)
        align_bytes = items.align_bytes
        size_bytes = count * items.item.size_bytes
    start = end + 4
    start += -start & (align_bytes - 1)
    require_room(start + size_bytes)
    memset(message + end, 0, start - end)
    word = <uint32_t>count
    memcpy(message + start - 4, &word, 4)
    word = <uint32_t>(message + start - 4 - offset)
    memcpy(offset, &word, 4)
    if text != NULL:
        memcpy(message + start, text, size_bytes)  # its zero byte too
    else:
        memset(message + start, 0, size_bytes)
        for number in range(count):
            put_fixed(
                <object>PyTuple_GET_ITEM(value, number),
                &items.item,
                message + start + number * items.item.size_bytes,
            )
    return start + size_bytes


# Reading

cdef struct Place:
    # An event found in a message; of each field of the body its distance from the body, 0 = it is not there.
    const uint8_t* data
    uint64_t size_bytes
    uint64_t header_at
    uint64_t body_at
    uint16_t offsets[FIELDS_MAX]


cdef int refuse(str reason) except -1:
    raise LayoutMismatch("event", reason)


cdef inline int require_inside(const Place* place, uint64_t position, uint64_t size_bytes) except -1:
    """Positions are sums of few 32-bit numbers, and so are sizes: neither wraps. One below zero does, to the far end."""
    if position > place.size_bytes or size_bytes > place.size_bytes - position:
        refuse(f"{size_bytes} bytes at {<int64_t>position} lie outside the message")
    return 0


cdef object read_fixed(const Part* part, const uint8_t* at):
    cdef uint64_t u64 = 0
    cdef int64_t i64 = 0
    cdef int32_t i32 = 0
    cdef double f64 = 0
    cdef PyObject* member
    if part.code == U64:
        memcpy(&u64, at, 8)
        return u64
    if part.code == U32:
        memcpy(&u64, at, 4)
        return u64
    if part.code == I64:
        memcpy(&i64, at, 8)
        return i64
    if part.code == STRUCT:
        return read_struct(<Shape>part.below, at)
    if part.code == ADDRESS:
        return get_address(at)
    if part.code == BYTES:
        return PyBytes_FromStringAndSize(<const char*>at, part.size_bytes)
    if part.code == F64:
        memcpy(&f64, at, 8)
        if not isfinite(f64):
            refuse(f"{f64} is not a finite number")
        return f64
    if part.code == ENUM:
        member = (<Numbers>part.below).by_number[at[0]]
        if member == NULL:
            refuse(f"{at[0]} is not a {(<Numbers>part.below).python.__name__} of this build")
        return <object>member
    if part.code == I32:
        memcpy(&i32, at, 4)
        return i32
    if part.code == U16:
        memcpy(&u64, at, 2)
        return u64
    if part.code == U8:
        return at[0]
    if part.code == BOOL:
        return at[0] != 0
    raise AssertionError(part.code)


cdef object read_struct(Shape shape, const uint8_t* at):
    # Much is not known, not traced, not vouched for: one object is enough of it.
    if shape.zero is not None and memcmp(at, ZEROS, shape.size_bytes) == 0:
        return shape.zero
    return make_struct(shape, at)


cdef object make_struct(Shape shape, const uint8_t* at):
    cdef int number
    made = PyType_GenericAlloc(<PyTypeObject*>shape.python, 0)
    for number in range(shape.count):
        set_slot(made, shape.parts[number].slot, read_fixed(&shape.parts[number], at + shape.parts[number].at))
    return made


cdef inline void set_slot(object holder, Py_ssize_t slot, object value) noexcept:
    """Fill a slot of a new object, which is empty."""
    Py_INCREF(value)
    (<PyObject**>(<char*><PyObject*>holder + slot))[0] = <PyObject*>value


cdef object read_indirect(const Place* place, const Part* part, uint64_t at):
    cdef Items items
    cdef uint32_t offset, count
    cdef Py_ssize_t number
    cdef const uint8_t* start
    cdef object read, item
    memcpy(&offset, place.data + at, 4)
    at += offset
    require_inside(place, at, 4)
    memcpy(&count, place.data + at, 4)
    start = place.data + at + 4
    if part.code == TEXT:
        require_inside(place, at + 4, count)
        try:
            return PyUnicode_DecodeUTF8(<char*>start, count, NULL)
        except UnicodeDecodeError as error:
            raise LayoutMismatch("event", str(error)) from None
    items = <Items>part.below
    require_inside(place, at + 4, <uint64_t>count * items.item.size_bytes)
    read = PyTuple_New(count)
    for number in range(count):
        item = read_fixed(&items.item, start + number * items.item.size_bytes)
        Py_INCREF(item)
        PyTuple_SET_ITEM(read, number, item)
    return read


cdef object read_field(const Place* place, Shape shape, int number):
    cdef const Part* part = &shape.parts[number]
    cdef uint16_t offset = place.offsets[number]
    if not offset:
        return absent_field(shape, number)
    if part.code == TEXT or part.code == VECTOR:
        return read_indirect(place, part, place.body_at + offset)
    return read_fixed(part, place.data + place.body_at + offset)


cdef object absent_field(Shape shape, int number):
    value = shape.absent[number]
    if value is None:
        refuse(f"the {shape.names[number]} is missing")
    return value


cdef int find_table(const Place* place, uint64_t at, Shape shape, uint16_t* offsets) except -1:
    """Where the fields of the table at `at` lie in it; it lies inside the message as a whole, as its vtable does."""
    cdef int32_t back
    cdef uint16_t vtable_bytes, table_bytes, offset
    cdef uint64_t vtable_at
    cdef const uint8_t* vtable
    cdef int number, held
    require_inside(place, at, 4)
    memcpy(&back, place.data + at, 4)
    vtable_at = at - <int64_t>back
    require_inside(place, vtable_at, 4)
    vtable = place.data + vtable_at
    memcpy(&vtable_bytes, vtable, 2)
    require_inside(place, vtable_at, vtable_bytes)
    if vtable_bytes < 4 or vtable_bytes % 2:
        refuse(f"vtable of {vtable_bytes} bytes")
    memcpy(&table_bytes, vtable + 2, 2)
    held = min(shape.count, (vtable_bytes - 4) // 2)
    memcpy(offsets, vtable + 4, 2 * held)
    memset(offsets + held, 0, 2 * (shape.count - held))
    if vtable_bytes != PyBytes_GET_SIZE(shape.vtable) or memcmp(vtable, PyBytes_AS_STRING(shape.vtable), vtable_bytes):
        check_offsets(shape, offsets, table_bytes)
    require_inside(place, at, table_bytes)
    return 0


cdef int check_offsets(Shape shape, const uint16_t* offsets, uint32_t table_bytes) except -1:
    """Fields lie inside their table, behind its first word, and none in another. They are looked at as they lie."""
    cdef int order[FIELDS_MAX]
    cdef int count = 0, number, place
    cdef uint32_t end = 4
    for number in range(shape.count):
        if not offsets[number]:
            continue
        place = count
        while place and offsets[order[place - 1]] > offsets[number]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = number
        count += 1
    for place in range(count):
        number = order[place]
        if offsets[number] < end or offsets[number] + shape.parts[number].size_bytes > table_bytes:
            refuse(f"{shape.names[number]} lies outside its table or in another field")
        end = offsets[number] + shape.parts[number].size_bytes
    return 0


cdef class KindCodec:
    """One class of events: how it is written, and what of it is found in a message."""

    cdef Shape body
    cdef Part header
    cdef object kept
    cdef bytes template
    cdef uint32_t header_at
    cdef uint32_t body_at
    cdef uint32_t family
    cdef uint8_t member
    cdef dict numbers

    def __cinit__(self, kind):
        laid = layout.layout_of(kind)
        self.body, self.template, self.body_at = table_shape(laid.body, kind.event), laid.template, laid.body_at
        self.kept = fill(&self.header, layout.ROOT.fields[0].kind, 0)
        self.header.slot = slot_of(kind.event, "header")
        self.header_at = laid.root_at + layout.ROOT.offsets[0]
        self.family = int.from_bytes(kind.file_identifier, "little")
        self.member = kind.member
        self.numbers = {"header": -1, **{name: number for number, name in enumerate(self.body.names)}}

    cdef bytes write(self, object event):
        cdef uint8_t message[BYTES_MAX]
        cdef Py_ssize_t end = PyBytes_GET_SIZE(self.template)
        cdef const Part* part
        cdef uint8_t* at
        cdef int number = -1
        memcpy(message, PyBytes_AS_STRING(self.template), end)
        try:
            put_fixed(value_of(event, &self.header), &self.header, message + self.header_at)
            for number in range(self.body.count):
                part = &self.body.parts[number]
                at = message + self.body_at + part.at
                if part.code == TEXT or part.code == VECTOR:
                    end = append(value_of(event, part), part, message, end, at)
                else:
                    put_fixed(value_of(event, part), part, at)
        except (ValueError, TypeError, OverflowError) as error:
            name = "header" if number < 0 else self.body.names[number]
            raise LayoutMismatch(type(event).__name__, f"{name}: {error}"[:REASON_CHARS_MAX]) from error
        except LayoutMismatch as error:
            raise LayoutMismatch(type(event).__name__, error.rule) from None
        return PyBytes_FromStringAndSize(<char*>message, end)

    cdef object read(self, const Place* place):
        cdef Shape body = self.body
        cdef int number
        event = PyType_GenericAlloc(<PyTypeObject*>body.python, 0)
        set_slot(event, self.header.slot, read_fixed(&self.header, place.data + place.header_at))
        for number in range(body.count):
            set_slot(event, body.parts[number].slot, read_field(place, body, number))
        return event


@cython.final
cdef class Codec:
    cdef list kinds
    cdef dict by_class
    cdef Shape root

    def __cinit__(self, kinds):
        self.by_class = {kind.event: KindCodec(kind) for kind in kinds}
        self.kinds = list(self.by_class.values())
        self.root = table_shape(layout.ROOT, None)

    def encode(self, event):
        return (<KindCodec>self.by_class[type(event)]).write(event)

    def decode(self, data):
        cdef Place place
        cdef bytes message = as_bytes(data)
        cdef KindCodec kind = self.find(message, &place)
        return kind.read(&place)

    def view(self, data):
        return EventView.__new__(EventView, self, data)

    cdef KindCodec find(self, bytes message, Place* place):
        """Which event a message holds, and where; both tables lie inside it."""
        cdef uint16_t offsets[FIELDS_MAX]
        cdef uint32_t root_at, family, body
        cdef uint8_t member = 0
        cdef bint is_known = False
        cdef KindCodec kind
        place.data, place.size_bytes = <const uint8_t*>PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message)
        if not 8 <= place.size_bytes <= BYTES_MAX:
            refuse(f"has {place.size_bytes} bytes, must have 8 to {BYTES_MAX}")
        memcpy(&root_at, place.data, 4)
        memcpy(&family, place.data + 4, 4)
        for kind in self.kinds:
            is_known |= kind.family == family
        if not is_known:
            refuse(f"file identifier {message[4:8]!r} is not a known family")
        find_table(place, root_at, self.root, offsets)
        if not offsets[0]:
            refuse("the header is missing")
        if not offsets[2]:
            refuse("the body is missing")
        if offsets[1]:
            member = place.data[root_at + offsets[1]]
        memcpy(&body, place.data + root_at + offsets[2], 4)
        place.header_at = <uint64_t>root_at + offsets[0]
        place.body_at = <uint64_t>root_at + offsets[2] + body
        for kind in self.kinds:
            if kind.family == family and kind.member == member:
                find_table(place, place.body_at, kind.body, place.offsets)
                return kind
        refuse(f"member {member} of family {message[4:8].decode()} is not known to this build")


@cython.final
cdef class EventView:
    cdef Place place
    cdef KindCodec kind
    cdef bytes data

    def __cinit__(self, Codec codec not None, data):
        self.data = as_bytes(data)
        self.kind = codec.find(self.data, &self.place)

    @property
    def event(self):
        return self.kind.body.python

    def __getitem__(self, name):
        cdef PyObject* found = PyDict_GetItemWithError(self.kind.numbers, name)
        cdef int number
        if found == NULL:
            raise KeyError(name)
        number = <object>found
        if number < 0:
            return read_fixed(&self.kind.header, self.place.data + self.place.header_at)
        return read_field(&self.place, self.kind.body, number)

    def whole(self):
        return self.kind.read(&self.place)


cdef bytes as_bytes(object data):
    return data if type(data) is bytes else bytes(memoryview(data))


_ALL = Codec(EVENT_KINDS)
encode, decode, view = _ALL.encode, _ALL.decode, _ALL.view
