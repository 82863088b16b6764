"""One file, read: bounded copies, changes since the last poll, and the last good copy of every entry."""

from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from shm._atomics cimport sq_load_acquire, sq_load_word
from shm._clock cimport mono_ns
from shm.layout cimport *
from shm.protocol cimport *


cdef class Table:
    """An attached file; `QuoteReader` spans two of them."""

    def __cinit__(self, path, role):
        """Attach to the role's file.

        Raises:
            NotThereYet: No file yet.
            WrongFile: Its subclass says what is wrong with the file.
        """
        self.mapping = Mapping.read_only(path)
        self.shape = self.mapping.shape
        self.is_contract = self.mapping.counts.is_contract
        self.follower = <sq_follower *>calloc(1, sq_follower_bytes(self.shape))
        self.copies = <sq_entry *>calloc(self.shape.entry_count, sizeof(sq_entry))
        if self.follower == NULL or self.copies == NULL:
            raise MemoryError
        self.words = self.mapping.words
        self.entries = self.words + sq_entry_offset_word(self.shape)
        self.end = self.words + self.mapping.size_bytes // 8
        self.role = role
        self.first_index = self.mapping.counts.first_index(role)

    def __dealloc__(self):
        free(self.follower)
        free(self.copies)

    cdef inline const uint64_t *line(self, uint32_t local) noexcept nogil:
        return self.entries + <size_t>local * SQ_ENTRY_WORDS

    cdef bint read_hot(self, uint32_t local, sq_entry *entry) noexcept nogil:
        """Copy the hot line; the second tier of the bound is a spin, for a writer on another core in mid-write."""
        if sq_read_hot_line(self.line(local), entry) == SQ_OK:
            return True
        cdef int64_t until_ns = mono_ns() + SQ_SPIN_NS_MAX
        while mono_ns() < until_ns:
            if sq_read_hot_line(self.line(local), entry) == SQ_OK:
                return True
        self.busy_count += 1
        return False

    cdef bint read_whole(self, uint32_t local, sq_entry *entry) noexcept nogil:
        if sq_read_words(self.line(local), entry, SQ_ENTRY_WORDS) == SQ_OK:
            return True
        cdef int64_t until_ns = mono_ns() + SQ_SPIN_NS_MAX
        while mono_ns() < until_ns:
            if sq_read_words(self.line(local), entry, SQ_ENTRY_WORDS) == SQ_OK:
                return True
        self.busy_count += 1
        return False

    cdef bint renew_copy(self, uint32_t local) noexcept nogil:
        """Copy an entry again; False when it is busy and the copy is the last good one."""
        cdef sq_entry *copy = &self.copies[local]
        cdef sq_entry hot
        cdef uint64_t generation = sq_generation(copy.version)
        # In the same identity generation the mints are known, and the hot line is all that can differ. A line of another
        # generation must not stand beside them, not even when the read of the whole entry then fails. Of an entry never
        # copied (version 0, or 1 when it was busy) no mints are known in any generation.
        if copy.version > 1 and sq_generation(sq_load_acquire(self.line(local))) == generation:
            if not self.read_hot(local, &hot):
                return False
            if sq_generation(hot.version) == generation:
                memcpy(copy, &hot, SQ_HOT_BYTES)
                return True
        return self.read_whole(local, copy)

    cdef inline void refresh_copy(self, uint32_t local) noexcept nogil:
        """Bring one copy up to date; of a busy entry it stays, marked stale and odd, to be renewed next time."""
        cdef sq_entry *copy = &self.copies[local]
        cdef uint64_t version = sq_load_acquire(self.line(local))
        if ((version ^ copy.version) | (version & 1)) and not self.renew_copy(local):
            copy.flags |= SQ_FLAG_STALE
            copy.version |= 1

    cdef uint32_t refresh_copies(self) noexcept nogil:
        """Bring all copies up to date, each whole by itself; says how many entries are in use."""
        cdef uint32_t used = sq_used_in(self.words, self.shape)
        cdef uint32_t local
        for local in range(used):
            self.refresh_copy(local)
        return used

    cdef void copy_rows(self, sq_entry *rows, uint32_t count) noexcept nogil:
        """Bring the first copies up to date and hand each on at once, while its lines are near."""
        cdef uint32_t local
        for local in range(count):
            self.refresh_copy(local)
            rows[local] = self.copies[local]

    @property
    def path(self):
        """Path of the file."""
        return self.mapping.path

    @property
    def owner_uid(self):
        """Who owns the file."""
        return self.mapping.owner_uid

    @property
    def counts(self):
        """How many entries and ring slots it has, a `TableCounts`."""
        return self.mapping.counts

    def liveness(self):
        """Say how the writer is."""
        return self.mapping.liveness()

    def header(self):
        """Copy the header's 64 bytes."""
        return self.mapping.header()

    def image(self):
        """Copy the whole file by the protocol, for `shm.reference`.

        Each record is whole by itself. What cannot be copied whole keeps its odd version or sequence, over zeros. The
        ring comes first, so that no announcement in the image is ahead of its entry merely by having been copied later.
        """
        cdef bytearray image = bytearray(self.mapping.size_bytes)
        cdef uint64_t *target = <uint64_t *><char *>image
        cdef sq_entry *entry
        cdef uint32_t number
        for number in range(self.shape.slot_count):
            self.copy_slot(number, target + self.shape.slot_word + <size_t>number * SQ_SLOT_WORDS)
        for number in range(self.shape.entry_count):
            entry = <sq_entry *>(target + (self.line(number) - self.words))
            if not self.read_whole(number, entry):
                entry.version = sq_load_acquire(self.line(number)) | 1
        for number in range(SQ_HEADER_WORDS, self.shape.slot_word):  # the counts, where the file says its own
            target[number] = sq_load_word(self.words + number)
        image[:SQ_HEADER_BYTES] = self.mapping.header()
        return bytes(image)

    cdef void copy_slot(self, uint32_t position, uint64_t *copy) noexcept nogil:
        cdef uint64_t seq = sq_load_acquire(self.words + self.shape.slot_word + <size_t>position * SQ_SLOT_WORDS)
        cdef bint in_place = seq != 0 and (seq // 2 - 1) % self.shape.slot_count == position
        if not in_place:
            memset(copy, 0, SQ_SLOT_BYTES)
            copy[0] = seq
        elif seq & 1 or not sq_slot_read_in(self.words, self.shape, seq // 2 - 1, copy, SQ_SLOT_WORDS):
            memset(copy, 0, SQ_SLOT_BYTES)
            copy[0] = seq | 1

    def scan_count(self):
        """How often the whole table was scanned: at the first poll, then once a lap or writer restart."""
        return self.follower.scans
