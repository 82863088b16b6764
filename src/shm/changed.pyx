"""What a poll returns: the indexes that changed, or the changes themselves, without an object for each."""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_WRITABLE
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from shm._places cimport role_of
from shm.layout cimport *

from shm.errors import Busy
from shm.layout import SLOT, STRUCT_CODES, ChangeKind, Role
from shm.view import FLAGS

ROLES = tuple(Role)
KINDS = tuple(ChangeKind(bits) for bits in range(ChangeKind.EVERYTHING + 1))

SLOT_MEMBERS = "".join(f"{STRUCT_CODES[field.kind]}:{field.name}:" for field in SLOT.fields)
cdef bytes SLOT_FORMAT = f"T{{<{SLOT_MEMBERS}}}".encode()


cdef class Reused:
    """What both answers are: a sequence that the next poll fills again, and a read-only buffer over it."""

    def __len__(self):
        return self.count

    def __bool__(self):
        return self.count != 0

    cdef Py_ssize_t place(self, Py_ssize_t position) except -1:
        if position < 0:
            position += self.count
        if not 0 <= position < self.count:
            raise IndexError(position)
        return position

    cdef int lend(self, Py_buffer *buffer, int flags, void *items, Py_ssize_t item_bytes, char *item_format) except -1:
        if flags & PyBUF_WRITABLE:
            raise BufferError("what a poll returned is read-only")
        self.shape = self.count
        self.stride = item_bytes
        buffer.buf = items
        buffer.format = NULL
        if flags & PyBUF_FORMAT:
            buffer.format = item_format
        buffer.internal = NULL
        buffer.itemsize = item_bytes
        buffer.len = self.count * item_bytes
        buffer.ndim = 1
        buffer.obj = self
        buffer.readonly = 1
        buffer.shape = &self.shape
        buffer.strides = &self.stride
        buffer.suboffsets = NULL
        return 0


cdef class Changed(Reused):
    """Indexes of changed entries; the next poll reuses it, `list()` or `tuple()` of it stays.

    It is a sequence of ints and offers the buffer protocol (unsigned, 16-bit, or 32-bit where a file is of other counts than
    the layout's), so `snapshot[changed]` works in NumPy.
    """

    def __dealloc__(self):
        free(self.sized_indexes)
        free(self.rows)

    cdef uint32_t *room_for_sized(self) except NULL:
        """Room that never moves, since buffer views may point there; what is never filled takes no memory."""
        if self.sized_indexes == NULL:
            self.rows = <uint16_t *>calloc(SQ_ENTRY_COUNT_MAX, sizeof(uint16_t))
            if self.rows == NULL:
                raise MemoryError
            self.sized_indexes = <uint32_t *>calloc(SIZED_INDEX_COUNT, sizeof(uint32_t))
            if self.sized_indexes == NULL:
                free(self.rows)
                self.rows = NULL
                raise MemoryError
        return self.sized_indexes

    cdef inline uint32_t at(self, Py_ssize_t position) noexcept:
        return self.sized_indexes[position] if self.is_sized else self.indexes[position]

    def __getitem__(self, Py_ssize_t position):
        return self.at(self.place(position))

    def __iter__(self):
        cdef uint32_t position
        for position in range(self.count):
            yield self.at(position)

    def __repr__(self):
        return f"Changed({list(self)})"

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        if self.is_sized:
            self.lend(buffer, flags, self.sized_indexes, sizeof(uint32_t), b"I")
        else:
            self.lend(buffer, flags, self.indexes, sizeof(uint16_t), b"H")


cdef class Changes(Reused):
    """Changes with their values; the next poll reuses it, each `Change` taken out of it stays.

    It offers the buffer protocol, too: in NumPy it is a structured array of ring slots, whose `index` is over both files.
    """

    def __cinit__(self):
        self.slots = self.contract_slots

    def __dealloc__(self):
        free(self.sized_slots)

    cdef sq_slot *room_for_sized(self) except NULL:
        """As `Changed.room_for_sized`."""
        if self.sized_slots == NULL:
            self.sized_slots = <sq_slot *>calloc(SIZED_INDEX_COUNT, sizeof(sq_slot))
            if self.sized_slots == NULL:
                raise MemoryError
        return self.sized_slots

    def __getitem__(self, Py_ssize_t position):
        cdef Change change = Change.__new__(Change)
        change.announced = self.slots[self.place(position)]
        return change

    def __iter__(self):
        cdef uint32_t position
        for position in range(self.count):
            yield self[position]

    def __repr__(self):
        return f"Changes({list(self)})"

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        self.lend(buffer, flags, self.slots, sizeof(sq_slot), SLOT_FORMAT)


cdef class Change:
    """One changed entry as its newest announcement has it; amounts are in the token's smallest unit.

    An entry that stayed mid-write has no values: they raise `Busy`, and it is told again once it is written.
    """

    cdef int require_values(self) except -1:
        if self.announced.version & 1:
            raise Busy(self.announced.index)
        return 0

    @property
    def index(self):
        """Entry over both files, as in `QuoteReader.view`."""
        return self.announced.index

    @property
    def role(self):
        """Which file the quote came from."""
        return ROLES[role_of(self.announced.index)]

    @property
    def kinds(self):
        """All that changed since the last poll, a `ChangeKind`; `EVERYTHING` where the ring could not say."""
        return KINDS[self.announced.kind & SQ_KIND_EVERYTHING]

    @property
    def version(self):
        """Write count and, above bit 47, identity generation of the entry after the write; odd: mid-write."""
        return self.announced.version

    @property
    def has_values(self):
        """Whether the values below are there."""
        return not self.announced.version & 1

    @property
    def input_amount(self):
        """Amount sold."""
        self.require_values()
        return self.announced.input_amount

    @property
    def output_amount(self):
        """Amount bought."""
        self.require_values()
        return self.announced.output_amount

    @property
    def ts_ns(self):
        """Unix time at which the quote was last vouched for."""
        self.require_values()
        return self.announced.ts_ns

    @property
    def route_id(self):
        """Hash of the route; the aggregator's API resolves it."""
        self.require_values()
        return self.announced.route_id

    @property
    def slot(self):
        """Slot of the state the quote rests on."""
        self.require_values()
        return self.announced.slot

    @property
    def source(self):
        """Provider."""
        self.require_values()
        return self.announced.source

    @property
    def flags(self):
        """What the writer says of the quote, a `Flag`."""
        self.require_values()
        return FLAGS[self.announced.flags]

    @property
    def price_impact_ppm(self):
        """Parts per million."""
        self.require_values()
        return self.announced.price_impact_ppm

    def __eq__(self, other):
        if not isinstance(other, Change):
            return NotImplemented
        cdef Change change = other
        return memcmp(&self.announced, &change.announced, sizeof(sq_slot)) == 0

    def __hash__(self):
        return hash((self.announced.index, self.announced.version))

    def __repr__(self):
        if self.announced.version & 1:
            return f"Change({self.announced.index}: mid-write)"
        return f"Change({self.announced.index}: {self.announced.input_amount} -> {self.announced.output_amount}, {self.kinds!r})"
