"""One pair and amount, followed wherever its entry goes: the cheapest way to a quote."""

from libc.stdint cimport INT64_MAX
from libc.string cimport memcmp, memcpy

from shm._clock cimport coarse_mono_ns
from shm.layout cimport *
from shm.protocol cimport *
from shm.tables cimport ROLES

from shm.base58 import mint_text
from shm.errors import Busy, DeadWriter, NoQuote, Retired
from shm.values import HandleState, Liveness

# In the order of HandleState.
cdef enum:
    IS_LIVE
    IS_NO_ENTRY
    IS_NOT_VALID
    IS_STALE
    IS_NOT_LIVE
    IS_BUSY

STATES = tuple(HandleState)

cdef int64_t PREFERENCE_PERIOD_NS = 20_000_000


cdef class Handle(QuoteView):
    """One pair and amount, bound to its entry; made by `QuoteReader.handle`.

    Its truth reads the entry: true means the properties now show a whole, valid quote that is not marked stale, of this
    pair and amount, from a living writer. They show the same quote until the next truth test or `refresh()`.
    """

    def __cinit__(self, Tables tables not None, bytes wanted not None, uint64_t amount, int role):
        if len(wanted) != 2 * SQ_MINT_BYTES:
            raise ValueError("a handle stands for two mints of 32 bytes: use QuoteReader.handle")
        memcpy(self.wanted, <const char *>wanted, 2 * SQ_MINT_BYTES)
        self.tables = tables
        self.amount = amount
        self.role = role
        self.state_number = IS_NO_ENTRY
        self.next_preference_ns = INT64_MAX

    def __bool__(self):
        return self.look()

    def refresh(self):
        """Read the entry again; the same as the truth of the handle."""
        return bool(self.look())

    def fresh(self):
        """Read the entry and return a fresh object.

        Raises:
            NoQuote: No entry for the pair and amount, or no live quote in it.
            DeadWriter: Its writer is not live.
            Retired: Its file was removed, and there is no other yet.
            Busy: The entry stayed mid-write for the whole bound.
        """
        if self.look():
            return self.to_quote()
        if self.state_number == IS_NOT_LIVE:
            liveness = self.table.liveness()
            if liveness is Liveness.RETIRED:
                raise Retired(self.table.path)
            raise DeadWriter(self.table.path, liveness.value)
        if self.state_number == IS_BUSY:
            raise Busy(self.index)
        raise NoQuote(repr(self))

    @property
    def state(self):
        """Why the last truth test came out as it did, a `HandleState`."""
        return STATES[self.state_number]

    def __repr__(self):
        input_mint = mint_text((<const char *>self.wanted)[:SQ_MINT_BYTES])
        output_mint = mint_text((<const char *>self.wanted)[SQ_MINT_BYTES:2 * SQ_MINT_BYTES])
        return f"Handle({self.amount} of {input_mint} -> {output_mint}, {self.state.value})"

    cdef bint copy_is_live(self, int64_t now_ns) noexcept nogil:
        """Whether the private copy is what this handle stands for, and may be acted on."""
        return (
            sq_generation(self.entry.version) == self.generation
            and self.entry.input_amount == self.amount
            and self.entry.flags & (SQ_FLAG_VALID | SQ_FLAG_STALE) == SQ_FLAG_VALID
            and now_ns < self.live_until_ns[0]
        )

    cdef void disown_foreign_copy(self) noexcept nogil:
        """Show nothing rather than what the entry has become for another pair or amount."""
        if sq_generation(self.entry.version) != self.generation or self.entry.input_amount != self.amount:
            self.has_copy = False

    cdef int look(self) except -1:
        cdef int64_t now_ns = coarse_mono_ns()
        if now_ns >= self.next_preference_ns:
            self.prefer_internal(now_ns)
        if self.line != NULL and sq_read_hot_line(self.line, &self.entry) == SQ_OK and self.copy_is_live(now_ns):
            self.state_number = IS_LIVE
            return 1
        return self.look_closer(now_ns)

    cdef int look_closer(self, int64_t now_ns) except -1:
        """The way of everything but a live quote: find out why, and do what can be done about it."""
        self.disown_foreign_copy()
        if self.table is not None and self.table.mapping.is_retired():
            self.tables.next_look_ns = 0
        self.tables.tend(now_ns)
        if self.table is not None and self.tables.by_role[self.table.role] is not self.table:
            self.let_go()
        if not self.find():
            return 0
        if not self.entry.flags & SQ_FLAG_VALID:
            self.state_number = IS_NOT_VALID
        elif self.entry.flags & SQ_FLAG_STALE:
            self.state_number = IS_STALE
        elif not self.table.mapping.look_at_heartbeat(now_ns):
            self.state_number = IS_NOT_LIVE
        else:
            self.state_number = IS_LIVE
            return 1
        return 0

    cdef bint find(self) except -1:
        """Copy the entry that is the handle's now; False, and why in `state`, when there is none or it is busy."""
        cdef int attempt
        for attempt in range(2):  # the second for an entry that has gone to another pair or amount
            if self.line == NULL and not self.resolve():
                break
            if not self.table.read_hot(self.local, &self.entry):
                self.state_number = IS_BUSY
                return False
            if sq_generation(self.entry.version) == self.generation and self.entry.input_amount == self.amount:
                self.has_copy = True
                return True
            self.let_go()
        self.state_number = IS_NO_ENTRY
        return False

    cdef int prefer_internal(self, int64_t now_ns) except -1:
        """Leave the external file's quote once the internal file has the pair and amount, too."""
        self.next_preference_ns = now_ns + PREFERENCE_PERIOD_NS
        self.resolve()
        return 0

    cdef void let_go(self) noexcept:
        self.table, self.line, self.has_copy = None, NULL, False

    cdef bint resolve(self) except -1:
        """Search the entry of the pair and amount, once for each change of the tables."""
        cdef uint32_t local
        cdef int role
        cdef Table table
        cdef sq_entry *copy
        cdef uint64_t mark = self.tables.mark()
        if mark == self.searched_mark:
            return False
        self.searched_mark = mark
        for role in range(ROLES):
            table = self.tables.by_role[role]
            if table is None or self.role not in (-1, role):
                continue
            for local in range(table.refresh_copies()):
                copy = &table.copies[local]
                if copy.input_amount != self.amount or copy.version & 1:
                    continue
                if (memcmp(copy.input_mint, self.wanted, SQ_MINT_BYTES) == 0
                        and memcmp(copy.output_mint, self.wanted + SQ_MINT_BYTES, SQ_MINT_BYTES) == 0):
                    self.table, self.line = table, table.line(local)
                    self.live_until_ns = &table.mapping.live_until_ns
                    self.local, self.index = local, table.first_index + local
                    self.next_preference_ns = 0 if role != SQ_ROLE_INTERNAL and self.role == -1 else INT64_MAX
                    self.generation = sq_generation(copy.version)
                    self.entry = copy[0]
                    self.has_copy = True
                    return True
        return False
