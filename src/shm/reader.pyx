"""The SDK a scanner uses: handles, changes, cycles and snapshots over both files.

A reader outlives its files: one that is not there yet, was restarted or was replaced is attached to as soon as it can
be, and quotes of a writer that does not live are never called live meanwhile.
"""

import math
from pathlib import Path

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport INT64_MAX, int64_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from shm._atomics cimport sq_pause
from shm._clock cimport coarse_mono_ns, mono_ns
from shm._places cimport role_of
from shm.layout cimport *
from shm.protocol cimport *
from shm.table cimport Table
from shm.tables cimport ROLES

from shm import files
from shm.base58 import mint_bytes
from shm.errors import Busy, IndexOutOfRange, NotThereYet
from shm.following import follow
from shm.layout import Role
from shm.rows import make_rows, make_zero_rows
from shm.values import ListedPair, Liveness

cdef int64_t SLEEP_SLICE_NS = 100_000_000
cdef double NO_RATE = math.nan
cdef bytes NO_MINTS = bytes(2 * SQ_MINT_BYTES)

cdef enum:
    CHANGES_PER_LOOK = 64  # told between two looks at the clock, which cost more than to tell one
    IDLE_POLL_CHANGES = 8  # what a poll that tells none counts for


cdef class QuoteReader:
    """Both files of a directory as one table: the internal file's entries first, then the external file's.

    Use one reader in one thread.
    """

    def __cinit__(self, directory, *, owner_uid=None):
        self.tables = Tables(Path(directory).absolute(), owner_uid)
        self.changed = Changed()
        self.with_values = Changes()
        self.reused = QuoteView()

    @staticmethod
    def open(directory=None, *, owner_uid=None):
        """Open the tables of a directory; files that are not there yet are attached when they come.

        Args:
            directory: The one the aggregator writes to; its default when omitted.
            owner_uid: Unix user whose directory it may be, besides this process's own and root.

        Raises:
            WrongFile: A file is there but is not a table of this build, and the other is not there either; the
                subclass says why. With the other one there it is what `fault` tells.
            DirectoryUnsafe: Somebody else could have put the files there.
        """
        return QuoteReader(files.find_directory() if directory is None else directory, owner_uid=owner_uid)

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
        cdef bytes wanted = mint_bytes(input_mint) + mint_bytes(output_mint)
        cdef Handle handle = Handle(self.tables, wanted, amount, -1 if role is None else role)
        handle.look()
        return handle

    def poll(self):
        """Return the indexes of entries that changed since the last call, in a sequence the next call reuses.

        The first call, and the first after a lap, a writer restart or a replaced file, names every entry that differs
        from what was seen. An entry may be named again without a further change, and is never missed.
        """
        cdef Changed changed = self.changed
        cdef Tables tables = self.tables
        cdef uint32_t count = 0
        cdef uint32_t position, external
        self.tend_sometimes()
        if tables.is_sized:
            return self.poll_sized()
        changed.is_sized = False
        if tables.words[0] != NULL:
            count = sq_poll(tables.words[0], tables.followers[0], changed.indexes)
        if tables.words[1] != NULL:
            external = sq_poll(tables.words[1], tables.followers[1], changed.indexes + count)
            for position in range(count, count + external):
                changed.indexes[position] += SQ_ENTRY_COUNT
            count += external
        changed.count = count
        self.told_since_look += count if count else <uint32_t>IDLE_POLL_CHANGES
        return changed

    def poll_changes(self):
        """Return what changed since the last call with its values, in a sequence the next call reuses.

        As `poll`, whose place it takes (what one of them has told, the other does not tell again), and each entry once:
        with the values of its newest write, taken from the announcement without opening the entry, and with all kinds of
        change since the last call. After a scan the kind is `ChangeKind.EVERYTHING` and the values come from the entry.
        """
        cdef Changes changes = self.with_values
        cdef Tables tables = self.tables
        cdef uint32_t count = 0
        cdef uint32_t position, external
        self.tend_sometimes()
        if tables.is_sized:
            return self.poll_changes_sized()
        changes.slots = changes.contract_slots
        if tables.words[0] != NULL:
            count = sq_poll_changes(tables.words[0], tables.followers[0], changes.slots)
        if tables.words[1] != NULL:
            external = sq_poll_changes(tables.words[1], tables.followers[1], changes.slots + count)
            for position in range(count, count + external):
                changes.slots[position].index += SQ_ENTRY_COUNT
            count += external
        changes.count = count
        self.told_since_look += count if count else <uint32_t>IDLE_POLL_CHANGES
        return changes

    cdef Changed poll_sized(self):
        """`poll` where a file is of other counts than the layout's."""
        cdef Changed changed = self.changed
        cdef uint32_t *indexes = changed.room_for_sized()
        cdef uint32_t count = 0
        cdef uint32_t position, more
        cdef int role
        cdef Tables tables = self.tables
        for role in range(ROLES):
            if tables.words[role] == NULL:
                continue
            more = sq_poll_in(tables.words[role], tables.shapes[role], tables.followers[role], changed.rows)
            for position in range(more):
                indexes[count + position] = tables.first_indexes[role] + changed.rows[position]
            count += more
        changed.is_sized = True
        changed.count = count
        self.told_since_look += count if count else <uint32_t>IDLE_POLL_CHANGES
        return changed

    cdef Changes poll_changes_sized(self):
        """`poll_changes` where a file is of other counts than the layout's."""
        cdef Changes changes = self.with_values
        cdef sq_slot *slots = changes.room_for_sized()
        cdef uint32_t count = 0
        cdef uint32_t position, more
        cdef int role
        cdef Tables tables = self.tables
        for role in range(ROLES):
            if tables.words[role] == NULL:
                continue
            more = sq_poll_changes_in(tables.words[role], tables.shapes[role], tables.followers[role], slots + count)
            for position in range(count, count + more):
                slots[position].index += tables.first_indexes[role]
            count += more
        changes.slots = slots
        changes.count = count
        self.told_since_look += count if count else <uint32_t>IDLE_POLL_CHANGES
        return changes

    cdef inline int tend_sometimes(self) except -1:
        """Once in some polls, whether they find news or not: a reader that always has news attaches what comes, too.

        Before the poll: what it takes from a ring must be told, whatever a look at the files raises.
        """
        if self.told_since_look >= <uint32_t>CHANGES_PER_LOOK:
            self.told_since_look = 0
            self.tables.tend(coarse_mono_ns())
        return 0

    def attach(self):
        """Look now for files that have come or were replaced; polls do so by themselves every few calls."""
        self.tables.next_look_ns = 0
        self.tables.tend(coarse_mono_ns())

    def view(self, uint32_t index):
        """Read one entry into the view that this reader reuses.

        Raises:
            IndexOutOfRange: No such entry.
            NotThereYet: Its file is not attached.
            Busy: It stayed mid-write for the whole bound.
        """
        cdef QuoteView view = self.reused
        cdef sq_entry hot
        # The mints are known when the view showed this entry last, in the same identity generation.
        if (index == view.index and self.reused_line != NULL and self.reused_attachment == self.tables.attach_count
                and sq_read_hot_line(self.reused_line, &hot) == SQ_OK
                and sq_generation(hot.version) == sq_generation(view.entry.version)):
            memcpy(&view.entry, &hot, SQ_HOT_BYTES)
        else:
            self.view_whole(index)
        return view

    cdef int view_whole(self, uint32_t index) except -1:
        """Read an entry with its mints into the reused view."""
        cdef uint32_t role = role_of(index)
        cdef uint32_t local
        cdef Table table
        self.reused_line = NULL
        self.reused.has_copy = False
        if role >= ROLES or SQ_INDEX_COUNT <= index < SQ_SIZED_INDEX_STRIDE:
            raise IndexOutOfRange(index, SQ_INDEX_COUNT)
        table = self.tables.by_role[role]
        if table is None:
            raise NotThereYet(self.tables.path(Role(role)))
        local = index - table.first_index  # far out of range for an index of the other numbering
        if local >= table.shape.entry_count:
            raise IndexOutOfRange(index, table.shape.entry_count, table.first_index)
        if not table.read_whole(local, &self.reused.entry):
            raise Busy(index)
        self.reused.index = index
        self.reused.has_copy = True
        self.reused_line = table.line(local)
        self.reused_attachment = self.tables.attach_count
        return 0

    def quote(self, uint32_t index):
        """Read one entry into a fresh, frozen object; raises as `view` does."""
        return (<QuoteView>self.view(index)).to_quote()

    def __iter__(self):
        """Fresh objects of every valid entry of both files."""
        cdef Table table
        cdef uint32_t local
        for table in self.tables.attached():
            for local in range(table.refresh_copies()):
                if table.copies[local].flags & SQ_FLAG_VALID:
                    self.reused_line = NULL
                    self.reused.entry = table.copies[local]
                    self.reused.index = table.first_index + local
                    self.reused.has_copy = True
                    yield self.reused.to_quote()

    def pairs(self):
        """Return the pairs the tables have entries for, in the order of their first entry, each with its amounts.

        An entry whose pair has no quote yet adds no amount; one that stayed mid-write counts as it last was.
        """
        cdef Table table
        cdef uint32_t local
        cdef const sq_entry *entry
        found = {}
        for table in self.tables.attached():
            for local in range(table.refresh_copies()):
                entry = &table.copies[local]
                mints = (<const char *>entry.input_mint)[:2 * SQ_MINT_BYTES]
                if mints == NO_MINTS:
                    continue
                amounts = found.setdefault(mints, (set(), set()))
                if entry.flags & SQ_FLAG_VALID:
                    amounts[table.role].add(entry.input_amount)
        return [
            ListedPair(mints[:SQ_MINT_BYTES], mints[SQ_MINT_BYTES:], tuple(sorted(internal)), tuple(sorted(external)))
            for mints, (internal, external) in found.items()
        ]

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
                for leg in (first, second, third):
                    if leg is not None:
                        (<Handle>leg).disown_foreign_copy()
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
        cdef Table table
        cdef uint32_t used[ROLES]
        cdef uint32_t row_count = 0, filled = 0
        cdef bint is_sized = self.tables.is_sized
        cdef int role
        cdef Py_buffer target
        cdef sq_entry *entries
        for role in range(ROLES):
            table = self.tables.by_role[role]
            used[role] = 0 if table is None else sq_used_in(table.words, table.shape)
            if used[role]:
                row_count = max(row_count, table.first_index + used[role])
        rows = make_zero_rows(row_count) if is_sized else make_rows(row_count)
        PyObject_GetBuffer(rows, &target, PyBUF_WRITABLE)  # bytes: a memoryview would have all fields described first
        entries = <sq_entry *>target.buf
        for role in range(ROLES):
            if used[role]:
                table = self.tables.by_role[role]
                if not is_sized:
                    memset(&entries[filled], 0, (table.first_index - filled) * SQ_ENTRY_BYTES)
                table.copy_rows(&entries[table.first_index], used[role])
                filled = table.first_index + used[role]
        PyBuffer_Release(&target)
        return rows

    def wait(self, timeout_s=None):
        """Block until there is something to poll; spins some 20 us, then sleeps in the kernel without the GIL.

        A closed reader does not wait.

        Args:
            timeout_s: At most this long; for ever when omitted.

        Returns:
            Whether there is something to poll.
        """
        cdef Tables tables = self.tables
        cdef int64_t now_ns = mono_ns()
        cdef int64_t end_ns = now_ns + <int64_t>(timeout_s * 1e9) if timeout_s is not None else INT64_MAX
        cdef int64_t spin_end_ns = min(end_ns, now_ns + SQ_SPIN_NS_MAX)
        with nogil:
            while not tables.has_news() and mono_ns() < spin_end_ns:
                sq_pause()
        while not tables.has_news():
            now_ns = mono_ns()
            if now_ns >= end_ns or tables.closed:
                return False
            tables.nap(min(end_ns - now_ns, SLEEP_SLICE_NS))
            tables.tend(coarse_mono_ns())
        return True

    def changes(self):
        """Iterate asynchronously over tuples of changed indexes; one background thread waits for them."""
        return follow(self)

    @property
    def directory(self):
        """Where the files are."""
        return self.tables.directory

    @property
    def owner_uid(self):
        """Unix user whose directory it may be, besides this process's own and root; None for nobody else."""
        return self.tables.owner_uid

    @property
    def attach_count(self):
        """Files attached to so far."""
        return self.tables.attach_count

    @property
    def scan_count(self):
        """Full scans made by polls: one for each file attached, then one a lap or writer restart."""
        return self.tables.scan_count

    @property
    def busy_count(self):
        """Reads that found no whole copy within their bound."""
        return self.tables.busy_count

    def liveness(self, role):
        """Say how the writer of a file is, a `Liveness`."""
        self.tables.tend(coarse_mono_ns())
        cdef Table table = self.tables.by_role[<int>role]
        return Liveness.ABSENT if table is None else table.liveness()

    def counts(self, role):
        """How many entries and ring slots a role's file has, a `TableCounts`; None while it is not there."""
        cdef Table table = self.tables.by_role[<int>role]
        return None if table is None else table.counts

    def first_index(self, role):
        """Index of the first entry of a role's file; None while the file is not there."""
        cdef Table table = self.tables.by_role[<int>role]
        return None if table is None else table.first_index

    def fault(self, role):
        """What keeps a role's file from being read, a `ShmError`; None when nothing does, or it is not there yet."""
        return self.tables.faults[<int>role]

    def close(self):
        """Let go of both files; handles of this reader turn false."""
        self.reused_line = NULL
        self.tables.close()

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.close()

    cdef bint copy_legs(self, Handle first, Handle second, Handle third) noexcept:
        """Copy two or three legs of one moment; False unless all of them are live."""
        cdef Tables tables = self.tables
        cdef int64_t now_ns = coarse_mono_ns()
        cdef uint64_t internal_head = 0, external_head = 0
        cdef int files = tables.file_bit(first.line)
        cdef int second_file = tables.file_bit(second.line)
        cdef int third_file = second_file if third is None else tables.file_bit(third.line)
        cdef int attempt
        if not (files and second_file and third_file):
            return False
        files |= second_file | third_file
        for attempt in range(SQ_READ_TRIES_MAX):
            if files & 1:
                internal_head = sq_head(tables.words[0])
            if files & 2:
                external_head = sq_head(tables.words[1])
            if (sq_read_hot_line(first.line, &first.entry) == SQ_OK
                    and sq_read_hot_line(second.line, &second.entry) == SQ_OK
                    and (third is None or sq_read_hot_line(third.line, &third.entry) == SQ_OK)
                    and (not files & 1 or sq_set_whole(tables.words[0], internal_head))
                    and (not files & 2 or sq_set_whole(tables.words[1], external_head))):
                return (
                    first.copy_is_live(now_ns)
                    and second.copy_is_live(now_ns)
                    and (third is None or third.copy_is_live(now_ns))
                )
            sq_pause()
        return False
