"""Write one quote table: one process, one file, whole batches, and a life cycle that survives being killed.

Everything is unpacked into private memory first; the odd period of an entry is then a few plain stores in C.
"""

import os
import stat as stat_bits
import time
import weakref
from pathlib import Path

from libc.string cimport memcmp, memcpy, memset
from posix.types cimport off_t

from shm._atomics cimport sq_load_word, sq_store_release, sq_store_word
from shm._clock cimport coarse_mono_ns, mono_ns
from shm._futex cimport sq_wake
from shm.draft cimport is_outdated
from shm.layout cimport *
from shm.protocol cimport *

from shm import files, lock
from shm.errors import ImpossibleCounts, IndexOutOfRange, InvalidMint, NotWriting, OutdatedDraft, SecondWriter, WrongFile
from shm.layout import CONTRACT, Role
from shm.mapping import retire_header

cdef enum:
    BEATS_PER_PATH_LOOK = 20  # about once a second

START_TRIES_MAX = 100
"""How often a start looks again because the file was renamed, removed or first named by another writer meanwhile."""


open_writers = weakref.WeakSet()


def let_go_in_child():
    """A forked child drops what it inherited: the lock belongs to the open file, so the child would hold it on.

    It neither marks nor announces anything: the table is the parent's.
    """
    for writer in list(open_writers):
        (<QuoteWriter>writer).abandon()


os.register_at_fork(after_in_child=let_go_in_child)


cdef class QuoteWriter(QuoteSink):
    """The one writer of a file; open it with `QuoteWriter.open`, close it or use it as a context manager."""

    def __init__(self):
        raise TypeError("a writer is made by QuoteWriter.open")

    @staticmethod
    def open(directory, role=Role.INTERNAL, *, int mode=files.FILE_MODE, counts=CONTRACT):
        """Take over the role's file in `directory`: recover it, or make it when there is none of this layout and counts.

        Args:
            directory: Made with mode 0750 when it does not exist.
            role: Which of the two files.
            mode: Permission bits of a new file.
            counts: How many entries and ring slots the table has; older releases and `sq_attach` in C read the layout's
                alone. A file of other counts is replaced, without its quotes.

        Raises:
            ImpossibleCounts: No table has that many.
            SecondWriter: Another process writes this file.
            DirectoryUnsafe: Anybody could put a file there.
        """
        fault = counts.fault()
        if fault is not None:
            raise ImpossibleCounts(*fault, getattr(counts, fault[0]))
        directory = Path(directory).absolute()
        files.prepare_directory(directory)
        cdef QuoteWriter writer = QuoteWriter.__new__(QuoteWriter)
        writer.counts = counts
        writer.is_contract = counts.is_contract
        writer.shape.entry_count = counts.entries
        writer.shape.slot_count = counts.slots
        writer.shape.slot_word = counts.slot.offset // 8
        writer.identities = Identities(counts.entries)
        writer.path = directory / role.file_name
        writer.role = role
        writer.pid = os.getpid()
        for _ in range(START_TRIES_MAX):
            if writer.start(mode):
                open_writers.add(writer)
                return writer
        raise SecondWriter(writer.path)

    cdef bint start(self, int mode) except -1:
        """Take the existing file over, or make one; False when the path changed meanwhile."""
        cdef object old = files.open_existing(self.path)
        cdef Mapping former
        if old is None:
            return self.make(mode, None, None)
        try:
            if not lock.take(old):
                raise SecondWriter(self.path)
            if not files.is_current(old, self.path):
                return False
            try:
                former = Mapping.over(os.dup(old), self.path, writable=True)
                former.verify()
            except WrongFile:
                self.make(mode, old, None)
                retire_header(old)
                return True
            if former.counts == self.counts:
                self.adopt(former)
            else:
                self.make(mode, old, None)
                self.retire(former)
            return True
        finally:
            os.close(old)  # the mapping's duplicate keeps the lock

    cdef int adopt(self, Mapping mapping) except -1:
        """Recover a file of a former life."""
        self.mapping = mapping
        self.words = mapping.words
        self.used = sq_used_in(self.words, self.shape)
        self.set_state(SQ_STATE_RECOVERING)
        sq_store_release(self.words + SQ_HEADER_EPOCH_WORD, sq_load_word(self.words + SQ_HEADER_EPOCH_WORD) + 1)
        self.used = sq_recover_in(self.words, self.shape)
        self.go_live()
        return 0

    cdef bint make(self, int mode, old, Mapping source) except -1:
        """Make a new file and put it in place of `old`, whose lock is held, or where there was none.

        Args:
            mode: Permission bits.
            old: Descriptor of the file to replace.
            source: Table whose entries the new one starts with.

        Returns:
            Whether the new file is in place; not so when another writer made one in between.
        """
        descriptor, temporary = files.create(self.path, mode, self.counts.file_bytes)
        cdef Mapping mapping = Mapping.shaped(descriptor, self.path, True, self.shape)  # closes the descriptor with itself
        if not lock.take(descriptor):
            raise SecondWriter(temporary)
        cdef uint64_t *words = mapping.words
        cdef uint32_t used = 0
        sq_identify(words, self.shape)
        sq_store_word(words + SQ_HEADER_EPOCH_WORD, 1)
        if source is not None:
            used = sq_used_in(source.words, self.shape)
            sq_carry_over_in(words, self.shape, source.words)
        sq_status_store(words, self.pid, SQ_STATE_INIT, self.role, used)
        sq_store_release(words + SQ_HEADER_MAGIC_WORD, sq_magic_of(self.shape))
        if old is not None:
            os.replace(temporary, self.path)
        elif not files.name_new(temporary, self.path):
            return False
        self.mapping = mapping
        self.words = words
        self.used = used
        self.go_live()
        return True

    cdef int retire(self, Mapping old) except -1:
        """Of a table whose place another has taken: no quote of it is to be acted on, and its readers go on."""
        sq_age_all_in(old.words, old.shape, sq_top_in(old.words, old.shape))
        retire_header(old.descriptor)
        return 0

    cdef int go_live(self) except -1:
        """First heartbeat, then state live."""
        sq_store_word(self.words + SQ_HEADER_START_UNIX_NS_WORD, <uint64_t>time.time_ns())
        self.beat()
        self.set_state(SQ_STATE_LIVE)
        sq_wake(self.words)
        return 0

    cdef uint64_t *target(self) except NULL:
        if self.words == NULL:
            raise NotWriting(self.path)
        return self.words

    cdef int set_state(self, uint8_t state) except -1:
        sq_status_store(self.target(), self.pid, state, self.role, self.used)
        return 0

    cdef int announce(self) except -1:
        """Once a publish or batch: say that the writer lives, wake who waits."""
        sq_store_release(self.words + SQ_HEADER_HEARTBEAT_NS_WORD, coarse_mono_ns())
        sq_wake(self.words)
        return 0

    def assign(self, uint32_t index, bytes input_mint, bytes output_mint):
        """Give an entry to a pair; it is not valid until published.

        An entry that already has the pair keeps its generation and content, so that readers' handles survive a
        restart of the writer.

        Returns:
            Whether the entry changed.
        """
        for mint in (input_mint, output_mint):
            if len(mint) != SQ_MINT_BYTES:
                raise InvalidMint(mint)
        if index >= self.shape.entry_count:
            raise IndexOutOfRange(index, self.shape.entry_count)
        cdef sq_update update
        sq_own_entry_in(self.target(), self.shape, index, &update.entry)
        cdef const unsigned char *wanted_input = input_mint
        cdef const unsigned char *wanted_output = output_mint
        if (memcmp(update.entry.input_mint, wanted_input, SQ_MINT_BYTES) == 0
                and memcmp(update.entry.output_mint, wanted_output, SQ_MINT_BYTES) == 0):
            return False
        memset(&update, 0, sizeof(sq_update))
        memcpy(update.entry.input_mint, wanted_input, SQ_MINT_BYTES)
        memcpy(update.entry.output_mint, wanted_output, SQ_MINT_BYTES)
        self.write_identity(index, &update)
        return True

    def retire_row(self, uint32_t index):
        """Free an entry: no pair, no quote, and a generation that tells every handle to let go."""
        if index >= self.shape.entry_count:
            raise IndexOutOfRange(index, self.shape.entry_count)
        cdef sq_update update
        memset(&update, 0, sizeof(sq_update))
        self.write_identity(index, &update)

    cdef int write_identity(self, uint32_t index, sq_update *update) except -1:
        self.identities.changes[index] += 1
        update.index = index
        update.kind = SQ_KIND_IDENTITY | SQ_KIND_FLAGS
        if index >= self.used:
            # Before the announcement: a scan that sees the new head must also see the new bound.
            self.target()
            self.used = index + 1
            self.set_state(SQ_STATE_LIVE)
        return self.send(update)

    publish = QuoteSink.put  # write one quote into an assigned entry, announce it and wake who waits

    cdef sq_update *room(self) except NULL:
        return &self.update

    cdef int taken(self, sq_update *update) except -1:
        return self.send(update)

    cdef int send(self, const sq_update *update) except -1:
        """Publish one change, announce it and wake who waits."""
        self.target()
        if self.is_contract:
            sq_publish(self.words, update)
        else:
            self.publish_sized(update)
        return self.announce()

    cdef void publish_sized(self, const sq_update *update) noexcept:
        """Apart, so that publishing to a table of the layout's counts stays as short as it is."""
        sq_publish_in(self.words, self.shape, update)

    def publish_quietly(self, Draft draft not None):
        """Publish a draft without waking who sleeps: they see it at the next `wake`, `beat` or other publish.

        Readers that poll or spin see it at once. This is the path of a burst of single entries.

        Raises:
            OutdatedDraft: The entry has gone to another pair since the draft was made.
        """
        if self.words == NULL:
            raise NotWriting(self.path)
        if is_outdated(draft):
            raise OutdatedDraft(draft.update.index)
        if self.is_contract and draft.update.index < <uint32_t>SQ_ENTRY_COUNT:
            sq_publish(self.words, &draft.update)
        elif draft.update.index < self.shape.entry_count:
            self.publish_sized(&draft.update)
        else:  # made for a larger table
            raise IndexOutOfRange(draft.update.index, self.shape.entry_count)

    def wake(self):
        """Renew the heartbeat and wake who waits; the end of a burst of `publish_quietly`."""
        self.target()
        self.announce()

    def draft(self, uint32_t index, **fields):
        """Prepare one entry's quote; the fields are those of `publish`.

        Raises:
            ImpossibleQuote: A value that no quote can have.
        """
        draft = Draft(self.identities)
        draft.put(index, **fields)
        return draft

    def batch(self):
        """Return an empty batch."""
        return Batch(self.identities)

    def publish_batch(self, Batch batch not None):
        """Publish all that was put, at most `BATCH_ENTRIES_MAX` under one announcement, and empty the batch.

        Returns:
            How many changes were published.

        Raises:
            OutdatedDraft: An entry has gone to another pair since its change was put; the batch is emptied, nothing of it
                published.
        """
        cdef uint32_t published = 0
        cdef uint32_t count = batch.count
        cdef uint32_t part
        cdef uint64_t *words = self.target()
        batch.check(self.shape.entry_count)
        while published < count:
            part = min(count - published, <uint32_t>SQ_BATCH_ENTRIES_MAX)
            if self.is_contract:
                sq_publish_batch(words, &batch.updates[published], part)
            else:
                sq_publish_batch_in(words, self.shape, &batch.updates[published], part)
            self.announce()
            published += part
        batch.count = 0
        return count

    def mark_stale(self, uint32_t index):
        """Flag an entry's quote as not to be acted on; says whether that changed it."""
        if index >= self.shape.entry_count:
            raise IndexOutOfRange(index, self.shape.entry_count)
        cdef sq_update update
        if not sq_mark_stale_in(self.target(), self.shape, index, &update):
            return False
        self.send(&update)
        return True

    def beat(self):
        """Renew the heartbeat; the owner calls this every 10 to 100 ms, even when idle.

        A file that was removed from under the writer, resized, or written over at its head is made again with the same
        content; so is one whose path names something else, which is looked at once in `BEATS_PER_PATH_LOOK` beats.

        Raises:
            NotWriting: Another writer's file has taken the place of this one, or it was cut short and its content is gone;
                open the writer again.
        """
        self.target()
        self.beat_count += 1
        if self.mapping.is_damaged():
            self.make_again(files.open_existing(self.path))
        elif self.mapping.is_replaced():
            self.make_again(None)
        elif self.beat_count % BEATS_PER_PATH_LOOK == 0 and not files.is_current(self.mapping.descriptor, self.path):
            self.make_again(None)
        sq_store_release(self.words + SQ_HEADER_HEARTBEAT_NS_WORD, mono_ns())
        sq_wake(self.words)

    @property
    def announced_count(self):
        """Changes announced on the ring in the life of the file.

        Raises:
            NotWriting: The writer is closed.
        """
        return sq_head(self.target())

    def is_open(self):
        """Whether the writer still holds its file."""
        return self.words != NULL

    def close(self):
        """Mark every quote stale, say closed, and let go of the file; harmless when repeated."""
        if self.words == NULL:
            return
        sq_age_all_in(self.words, self.shape, sq_top_in(self.words, self.shape))
        self.set_state(SQ_STATE_CLOSED)
        sq_wake(self.words)
        self.words = NULL
        self.mapping.close()

    def replace(self, *, mode=None):
        """Put a new file with the same entries in place of this one; every reader attaches to it by itself.

        Args:
            mode: Permission bits of the new file; those of the old one when omitted.
        """
        self.target()
        cdef Mapping old = self.mapping
        self.make(self.file_mode() if mode is None else mode, old.descriptor, old)
        self.retire(old)

    cdef int file_mode(self) except -1:
        return stat_bits.S_IMODE(os.fstat(self.mapping.descriptor).st_mode)

    cdef int make_again(self, damaged) except -1:
        """Give the table a file again: its own was removed, or `damaged` (a descriptor) is put aside for a new one."""
        cdef Mapping old = self.mapping
        try:
            if os.fstat(old.descriptor).st_size < <off_t>old.size_bytes:  # to read what was cut off would kill this process
                self.abandon()
                raise NotWriting(self.path)
            made = self.make(self.file_mode(), damaged, old)
        finally:
            if damaged is not None:
                os.close(damaged)
        if not made:
            self.abandon()
            raise NotWriting(self.path)
        return self.retire(old)

    cdef int abandon(self) except -1:
        """Let go of the file as it is."""
        self.words = NULL
        if self.mapping is not None:
            self.mapping.close()
        return 0

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.close()

