"""Follow the quotes of both files: handles, changes, cycles and snapshots.

A reader outlives its files: one that is not there yet, was restarted or was replaced is attached to as soon as it can
be, and quotes of a writer that does not live are never called live meanwhile.
"""

import math

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport INT64_MAX
from libc.string cimport memcmp, memcpy

from shm._atomics cimport sq_pause
from shm._clock cimport coarse_mono_ns, mono_ns
from shm._futex cimport sq_sleep
from shm.layout cimport *
from shm.protocol cimport *

from shm import files
from shm.base58 import mint_bytes, mint_text
from shm.errors import Busy, DeadWriter, IndexOutOfRange, NoQuote, NotThereYet, WrongOwner
from shm.following import follow
from shm.layout import Role
from shm.rows import make_rows
from shm.values import HandleState, Liveness

cdef int64_t LOOK_PERIOD_NS = 20_000_000
cdef int64_t SLEEP_SLICE_NS = 100_000_000
cdef double NO_RATE = math.nan

# In the order of HandleState.
cdef enum:
    IS_LIVE
    IS_NO_ENTRY
    IS_NOT_VALID
    IS_STALE
    IS_NOT_LIVE
    IS_BUSY

STATES = tuple(HandleState)


cdef class Handle(QuoteView):
    """One pair and amount, bound to its entry; made by `QuoteReader.handle`.

    Its truth reads the entry: true means the properties now show a whole, valid quote that is not marked stale, of this
    pair and amount, from a living writer. They show the same quote until the next truth test or `refresh()`.
    """

    def __bool__(self):
        return self.look()

    def refresh(self):
        """Read the entry again; the same as the truth of the handle."""
        return bool(self.look())

    def fresh(self):
        """Read the entry and return a frozen copy.

        Raises:
            NoQuote: No entry for the pair and amount, or no live quote in it.
            DeadWriter: Its writer is not live.
            Busy: The entry stayed mid-write for the whole bound.
        """
        if self.look():
            return self.to_quote()
        if self.state_number == IS_NOT_LIVE:
            raise DeadWriter(self.table.path, self.table.liveness().value)
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

    cdef int look(self) except -1:
        cdef int64_t now_ns = coarse_mono_ns()
        if self.line != NULL and sq_read_hot_line(self.line, &self.entry) == SQ_OK and self.copy_is_live(now_ns):
            self.state_number = IS_LIVE
            return 1
        return self.look_closer(now_ns)

    cdef int look_closer(self, int64_t now_ns) except -1:
        """The way of everything but a live quote: find out why, and do what can be done about it."""
        if self.table is not None and self.table.mapping.is_retired():
            self.reader.next_look_ns = 0
        self.reader.tend(now_ns)
        if self.table is not None and self.reader.tables[self.table.first_index != 0] is not self.table:
            self.let_go()
        if self.line == NULL and not self.resolve():
            self.state_number = IS_NO_ENTRY
            return 0
        if not self.table.read_hot(self.local, &self.entry):
            self.state_number = IS_BUSY
            return 0
        self.has_copy = True
        if sq_generation(self.entry.version) != self.generation or self.entry.input_amount != self.amount:
            self.let_go()
            self.state_number = IS_NO_ENTRY
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

    cdef void let_go(self) noexcept:
        self.table, self.line, self.has_copy = None, NULL, False

    cdef bint resolve(self) except -1:
        """Search the entry of the pair and amount, once for each change of the tables."""
        cdef uint32_t local
        cdef int role
        cdef Table table
        cdef sq_entry *copy
        cdef uint64_t mark = self.reader.mark()
        if mark == self.searched_mark:
            return False
        self.searched_mark = mark
        for role in range(ROLES):
            table = self.reader.tables[role]
            if table is None or self.role not in (-1, role):
                continue
            for local in range(table.refresh_copies()):
                copy = &table.copies[local]
                if copy.input_amount != self.amount or copy.version & 1:
                    continue
                if (memcmp(copy.input_mint, self.wanted, SQ_MINT_BYTES) == 0
                        and memcmp(copy.output_mint, self.wanted + SQ_MINT_BYTES, SQ_MINT_BYTES) == 0):
                    self.table, self.line = table, sq_entry_words(table.words, local)
                    self.live_until_ns = &table.mapping.live_until_ns
                    self.local, self.index = local, table.first_index + local
                    self.generation = sq_generation(copy.version)
                    self.entry = copy[0]
                    self.has_copy = True
                    return True
        return False


cdef class QuoteReader:
    """Both files of a directory as one table: the internal file's entries first, then the external file's.

    Use one reader in one thread.
    """

    def __init__(self, directory):
        self.directory = directory
        self.tables = [None] * ROLES
        self.changed = Changed()
        self.reused = QuoteView()
        self.tend(coarse_mono_ns())

    @staticmethod
    def open(directory=None):
        """Open the tables of a directory; files that are not there yet are attached when they come.

        Args:
            directory: The one the aggregator writes to; its default when omitted.

        Raises:
            WrongFile: A file is there but is not a table of this build; the subclass says why.
        """
        return QuoteReader(files.default_directory() if directory is None else directory)

    def handle(self, input_mint, output_mint, uint64_t amount, *, role=None):
        """Bind a handle to a pair and amount; the entry may come, go and come back.

        Args:
            input_mint: Base58 text or 32 bytes.
            output_mint: Base58 text or 32 bytes.
            amount: Smallest unit of the input token, exactly as registered with the aggregator.
            role: Take the quote of this file only; otherwise the internal file's where it has the pair and amount.

        Raises:
            InvalidMint: A mint is neither.
        """
        cdef Handle handle = Handle()
        cdef bytes wanted = mint_bytes(input_mint) + mint_bytes(output_mint)
        memcpy(handle.wanted, <const char *>wanted, 2 * SQ_MINT_BYTES)
        handle.reader = self
        handle.amount = amount
        handle.role = -1 if role is None else role
        handle.state_number = IS_NO_ENTRY
        handle.look()
        return handle

    def poll(self):
        """Return the indexes of entries that changed since the last call, in a sequence the next call reuses.

        The first call, and the first after a lap, a writer restart or a replaced file, names every entry that differs
        from what was seen. An entry may be named again without a further change, and is never missed.
        """
        cdef Changed changed = self.changed
        cdef uint32_t count = 0
        cdef uint32_t position, external
        if self.words[0] != NULL:
            count = sq_poll(self.words[0], self.followers[0], changed.indexes)
        if self.words[1] != NULL:
            external = sq_poll(self.words[1], self.followers[1], changed.indexes + count)
            for position in range(count, count + external):
                changed.indexes[position] += SQ_ENTRY_COUNT
            count += external
        changed.count = count
        if count == 0:
            self.tend(coarse_mono_ns())
        return changed

    def view(self, uint32_t index):
        """Read one entry into the view that this reader reuses.

        Raises:
            IndexOutOfRange: No such entry.
            NotThereYet: Its file is not attached.
            Busy: It stayed mid-write for the whole bound.
        """
        cdef int role = index >= SQ_ENTRY_COUNT
        if index >= SQ_INDEX_COUNT:
            raise IndexOutOfRange(index, SQ_INDEX_COUNT)
        if self.words[role] == NULL:
            raise NotThereYet(self.directory / Role(role).file_name)
        cdef QuoteView view = self.reused
        cdef const uint64_t *line = sq_entry_words(self.words[role], index - role * SQ_ENTRY_COUNT)
        cdef uint64_t generation = sq_generation(view.entry.version)
        # The mints are known when the view showed this entry last, in the same identity generation.
        if (line != self.reused_line or sq_read_hot_line(line, &view.entry) != SQ_OK
                or sq_generation(view.entry.version) != generation):
            self.reused_line = NULL
            if not (<Table>self.tables[role]).read_whole(index - role * SQ_ENTRY_COUNT, &view.entry):
                raise Busy(index)
            self.reused_line = line
            view.index = index
            view.has_copy = True
        return view

    def quote(self, uint32_t index):
        """Read one entry into a fresh, frozen object; raises as `view` does."""
        return (<QuoteView>self.view(index)).to_quote()

    def __iter__(self):
        """Fresh objects of every valid entry of both files."""
        cdef Table table
        cdef uint32_t local
        for table in self.tables:
            if table is None:
                continue
            for local in range(table.refresh_copies()):
                if table.copies[local].flags & SQ_FLAG_VALID:
                    self.reused_line = NULL
                    self.reused.entry = table.copies[local]
                    self.reused.index = table.first_index + local
                    self.reused.has_copy = True
                    yield self.reused.to_quote()

    def cycle(self, Handle first not None, Handle second not None, Handle third=None):
        """Rate of two or three legs of one moment: product of their prices, NaN unless every leg is live.

        The legs are copied between two looks at the heads and announced batches of both files, so no batch is seen by
        half. On success each handle's properties show its leg of that moment.
        """
        if not self.copy_legs(first, second, third):
            for leg in (first, second, third):
                if leg is not None and not (<Handle>leg).look():
                    return NO_RATE
            if not self.copy_legs(first, second, third):
                return NO_RATE
        cdef double bought = <double>first.entry.output_amount * <double>second.entry.output_amount
        cdef double sold = <double>first.entry.input_amount * <double>second.entry.input_amount
        if third is not None:
            bought *= <double>third.entry.output_amount
            sold *= <double>third.entry.input_amount
        return bought / sold

    def snapshot(self):
        """Return a NumPy structured array whose row number is the entry index; unused entries are zero.

        Each row is whole by itself. An entry that stayed mid-write shows its last good copy, marked stale.

        Raises:
            NumpyMissing: NumPy is not installed.
        """
        rows = make_rows(self.row_count())
        cdef Table table
        cdef unsigned char[::1] target = memoryview(rows).cast("B")
        for table in self.tables:
            if table is not None:
                used = table.refresh_copies()
                if used:
                    memcpy(&target[table.first_index * SQ_ENTRY_BYTES], table.copies, used * SQ_ENTRY_BYTES)
        return rows

    def wait(self, timeout_s=None):
        """Block until there is something to poll; spins some 20 us, then sleeps in the kernel without the GIL.

        Args:
            timeout_s: At most this long; for ever when omitted.

        Returns:
            Whether there is something to poll.
        """
        cdef int64_t start_ns = mono_ns()
        cdef int64_t end_ns = start_ns + <int64_t>(timeout_s * 1e9) if timeout_s is not None else INT64_MAX
        cdef int64_t spin_end_ns = min(end_ns, start_ns + SQ_SPIN_NS_MAX)
        with nogil:
            while not self.has_news() and mono_ns() < spin_end_ns:
                sq_pause()
        while not self.has_news():
            start_ns = mono_ns()
            if start_ns >= end_ns:
                return False
            self.nap(min(end_ns - start_ns, SLEEP_SLICE_NS))
            self.tend(coarse_mono_ns())
        return True

    def changes(self):
        """Iterate asynchronously over tuples of changed indexes; one background thread waits for them."""
        return follow(self)

    @property
    def scan_count(self):
        """Full scans made: one for each file attached, then one a lap or writer restart."""
        return self.past_scans + sum(table.scan_count() for table in self.tables if table is not None)

    @property
    def busy_count(self):
        """Reads that found no whole copy within their bound."""
        return self.past_busy + sum(table.busy_count for table in self.tables if table is not None)

    def liveness(self, role):
        """Say how the writer of a file is, a `Liveness`."""
        cdef Table table = self.tables[<int>role]
        self.tend(coarse_mono_ns())
        return Liveness.ABSENT if table is None else table.liveness()

    def close(self):
        """Let go of both files; handles of this reader turn false."""
        cdef int role
        for role in range(ROLES):
            self.tables[role], self.words[role], self.followers[role] = None, NULL, NULL
        self.reused_line = NULL
        self.next_look_ns = INT64_MAX

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.close()

    cdef bint copy_legs(self, Handle first, Handle second, Handle third) noexcept:
        """Copy two or three legs of one moment; False unless all of them are live."""
        cdef int64_t now_ns = coarse_mono_ns()
        cdef uint64_t internal_head = 0, external_head = 0
        cdef int files = self.file_bit(first.line)
        cdef int second_file = self.file_bit(second.line)
        cdef int third_file = second_file if third is None else self.file_bit(third.line)
        cdef int attempt
        if not (files and second_file and third_file):
            return False
        files |= second_file | third_file
        for attempt in range(SQ_READ_TRIES_MAX):
            if files & 1:
                internal_head = sq_head(self.words[0])
            if files & 2:
                external_head = sq_head(self.words[1])
            if (sq_read_hot_line(first.line, &first.entry) == SQ_OK
                    and sq_read_hot_line(second.line, &second.entry) == SQ_OK
                    and (third is None or sq_read_hot_line(third.line, &third.entry) == SQ_OK)
                    and (not files & 1 or sq_set_whole(self.words[0], internal_head))
                    and (not files & 2 or sq_set_whole(self.words[1], external_head))):
                return (
                    first.copy_is_live(now_ns)
                    and second.copy_is_live(now_ns)
                    and (third is None or third.copy_is_live(now_ns))
                )
            sq_pause()
        return False

    cdef int file_bit(self, const uint64_t *line) noexcept nogil:
        """1 or 2 for an entry in the internal or external mapping of now, 0 for any other."""
        cdef int role
        for role in range(ROLES):
            if self.words[role] != NULL and self.words[role] <= line < self.words[role] + SQ_FILE_BYTES // 8:
                return 1 << role
        return 0

    cdef uint64_t mark(self) noexcept nogil:
        """A number that grows with each announcement and attachment, never zero: nothing new while it stands."""
        cdef uint64_t total = 1 + self.attach_count
        cdef int role
        for role in range(ROLES):
            if self.words[role] != NULL:
                total += sq_head(self.words[role])
        return total

    def row_count(self):
        """Rows of a snapshot: one past the highest entry in use."""
        cdef Table table
        cdef uint32_t used
        cdef uint32_t rows = 0
        for table in self.tables:
            if table is not None:
                used = sq_used(table.words)
                rows = table.first_index + used if used else rows
        return rows

    cdef bint has_news(self) noexcept nogil:
        """Whether a poll would look at anything."""
        cdef int role
        for role in range(ROLES):
            if self.words[role] != NULL:
                if self.followers[role].scans == 0 or sq_head(self.words[role]) != self.followers[role].cursor:
                    return True
        return False

    cdef int nap(self, int64_t timeout_ns) except -1:
        """Sleep until a head moves; a writer that comes or a file that is replaced is noticed after it."""
        cdef const uint64_t *maps[ROLES]
        cdef uint64_t heads[ROLES]
        cdef unsigned count = 0
        cdef int role
        for role in range(ROLES):
            if self.words[role] != NULL:
                maps[count] = self.words[role]
                heads[count] = self.followers[role].cursor
                count += 1
        if count < ROLES:
            timeout_ns = min(timeout_ns, LOOK_PERIOD_NS)
        with nogil:
            sq_sleep(maps, heads, count, timeout_ns)
        PyErr_CheckSignals()
        return 0

    cdef int tend(self, int64_t now_ns) except -1:
        """Attach what has come, let go of what was replaced; looks at most every 20 ms."""
        cdef int role
        cdef Table table
        if now_ns < self.next_look_ns:
            return 0
        self.next_look_ns = now_ns + LOOK_PERIOD_NS
        for role in range(ROLES):
            table = self.tables[role]
            if table is None:
                self.attach(role)
            elif not table.mapping.look_at_heartbeat(now_ns) and table.mapping.is_replaced():
                self.attach(role)
        return 0

    cdef int attach(self, int role) except -1:
        """Take the role's file; what was mapped before stays until a successor is there."""
        cdef Table table
        cdef Table before = self.tables[role]
        try:
            table = Table(self.directory / Role(role).file_name, role)
        except NotThereYet:
            return 0
        if before is not None and before.owner_uid != table.owner_uid:
            raise WrongOwner(table.path, table.owner_uid, before.owner_uid)
        if before is not None:
            self.past_scans += before.scan_count()
            self.past_busy += before.busy_count
        self.tables[role], self.words[role], self.followers[role] = table, table.words, table.follower
        self.reused_line = NULL
        self.attach_count += 1
        table.mapping.look_at_heartbeat(coarse_mono_ns())
        return 0
