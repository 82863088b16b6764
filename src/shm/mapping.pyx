"""Map a table and verify it: magic, version, layout, size and owner, each with its own refusal."""

import os
import stat as stat_bits

from libc.string cimport memcpy
from posix.types cimport off_t
from posix.mman cimport MAP_FAILED, MAP_POPULATE, MAP_SHARED, PROT_READ, PROT_WRITE, mlock, mmap, munmap
from posix.stat cimport fstat, struct_stat
from posix.unistd cimport close

from shm._atomics cimport sq_load_acquire, sq_load_word, sq_store_release
from shm._clock cimport mono_ns
from shm._futex cimport sq_wake
from shm.layout cimport *
from shm.protocol cimport *

from shm import lock
from shm.errors import (
    NotATable,
    NotReadable,
    NotThereYet,
    WrongCounts,
    WrongLayout,
    WrongMagic,
    WrongOwner,
    WrongSize,
    WrongVersion,
)
from shm.layout import CONTRACT, COUNTS, HEADER, LAYOUT_CRC, SIZED_LAYOUT_CRC, SIZED_MAGIC, TableCounts, counts_of
from shm.values import Liveness


cdef class Mapping:
    """One mapped file; closed with the object at the latest."""

    def __cinit__(self):
        self.descriptor = -1

    def __dealloc__(self):
        self.close()

    @staticmethod
    def read_only(path):
        """Map a finished table for reading.

        Raises:
            NotThereYet: No file.
            WrongFile: Its subclass says what is wrong with the file.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            raise NotThereYet(path) from None
        except PermissionError as error:
            raise NotReadable(path, error.strerror) from None
        except OSError as error:  # a symbolic link, a socket
            raise NotATable(path, error.strerror) from None
        mapping = Mapping.over(descriptor, path, writable=False)
        mapping.verify()
        if mapping.owner_uid != os.stat(path.parent).st_uid:
            raise WrongOwner(path, mapping.owner_uid, os.stat(path.parent).st_uid)
        return mapping

    @staticmethod
    def over(int descriptor, path, *, bint writable):
        """Map an open file of any counts, pre-faulted and where allowed locked.

        The descriptor is closed with the mapping, and when there is none.
        """
        cdef sq_shape shape
        cdef int result
        try:
            status = os.fstat(descriptor)
            if not stat_bits.S_ISREG(status.st_mode):
                raise NotATable(path, "not a regular file")
            result = sq_file_shape(descriptor, status.st_size, &shape)
            if result != SQ_OK:
                refuse(result, path, os.pread(descriptor, SQ_COUNTS_OFFSET + SQ_COUNTS_BYTES, 0), status.st_size)
        except BaseException:
            os.close(descriptor)
            raise
        return Mapping.shaped(descriptor, path, writable, shape)

    @staticmethod
    cdef Mapping shaped(int descriptor, path, bint writable, sq_shape shape):
        """Map an open file that has the size of these counts."""
        cdef Mapping mapping = Mapping.__new__(Mapping)
        mapping.descriptor = descriptor
        mapping.path = path
        mapping.owner_uid = os.fstat(descriptor).st_uid
        mapping.shape = shape
        mapping.size_bytes = sq_file_bytes(shape)
        cdef int protection = PROT_READ | (PROT_WRITE if writable else 0)
        cdef void *words = mmap(NULL, mapping.size_bytes, protection, MAP_SHARED | MAP_POPULATE, descriptor, 0)
        if words == MAP_FAILED:
            raise OSError(f"cannot map {path}")
        if writable:
            mlock(words, mapping.size_bytes)  # refused where the memory-lock limit is low; populated all the same
        mapping.words = <uint64_t *>words
        return mapping

    @property
    def counts(self):
        """How many entries and ring slots the file has, a `TableCounts`."""
        return TableCounts(self.shape.entry_count, self.shape.slot_count)

    def verify(self):
        """Refuse what is not a table of this layout."""
        cdef uint64_t lines[SQ_HEADER_WORDS + SQ_COUNTS_WORDS]
        cdef int result = sq_check_shaped(self.words, self.shape)
        cdef int word
        if result != SQ_OK:
            for word in range(SQ_HEADER_WORDS + SQ_COUNTS_WORDS):
                lines[word] = sq_load_word(self.words + word)
            refuse(result, self.path, (<const char *>lines)[:sizeof(lines)], self.size_bytes)

    def close(self):
        """Unmap and drop the descriptor, and with it a writer's lock; harmless when repeated."""
        if self.words != NULL:
            munmap(self.words, self.size_bytes)
            self.words = NULL
        if self.descriptor >= 0:
            close(self.descriptor)
            self.descriptor = -1

    def header(self):
        """Copy the header, as the bytes `layout.HEADER` describes; each word whole, the set not of one moment."""
        cdef sq_header header
        self.copy_header(&header)
        return (<const char *>&header)[:SQ_HEADER_BYTES]

    def liveness(self):
        """Say how the writer is: cheap while its heartbeat is fresh, one system call when it is late."""
        cdef sq_header header
        if self.words == NULL:
            return Liveness.ABSENT
        if self.is_replaced():
            return Liveness.RETIRED
        self.copy_header(&header)
        if header.state == SQ_STATE_CLOSED:
            return Liveness.CLOSED
        if self.look_at_heartbeat(mono_ns()):
            return Liveness.LIVE
        if not lock.is_held(self.descriptor):
            return Liveness.DEAD
        return Liveness.HUNG if header.state == SQ_STATE_LIVE else Liveness.STARTING

    cdef void copy_header(self, sq_header *header) noexcept nogil:
        cdef uint64_t words[SQ_HEADER_WORDS]
        cdef int word
        for word in range(SQ_HEADER_WORDS):
            words[word] = sq_load_acquire(self.words + word)
        memcpy(header, words, sizeof(sq_header))

    cdef bint look_at_heartbeat(self, int64_t now_ns) noexcept nogil:
        """Renew `live_until_ns` from the header; whether the writer is live at `now_ns`.

        A head that somebody wrote over vouches for nothing, however young the beat in it.
        """
        cdef sq_header header
        if self.words == NULL:
            return False
        self.copy_header(&header)
        self.live_until_ns = 0
        if header.magic == sq_magic_of(self.shape) and header.state == SQ_STATE_LIVE and sq_beats(header.heartbeat_ns, now_ns):
            self.live_until_ns = <int64_t>header.heartbeat_ns + SQ_HEARTBEAT_LATE_NS
        return now_ns < self.live_until_ns

    cdef bint is_retired(self) noexcept nogil:
        """Whether the writer put another file in place of this one, or will: somebody wrote over its head.

        In a file that no longer calls itself a table the writer does not set the state.
        """
        cdef sq_header header
        self.copy_header(&header)
        return header.state == SQ_STATE_RETIRED or header.magic != sq_magic_of(self.shape)

    cdef bint is_replaced(self) noexcept nogil:
        """Whether the file was retired, renamed over or removed; one system call."""
        cdef struct_stat status
        return self.is_retired() or fstat(self.descriptor, &status) != 0 or status.st_nlink == 0

    cdef bint is_damaged(self) noexcept nogil:
        """Whether somebody else has resized the file or written over its head; one system call, before any load."""
        cdef struct_stat status
        return (
            fstat(self.descriptor, &status) != 0
            or status.st_size != <off_t>self.size_bytes
            or sq_check_shaped(self.words, self.shape) != SQ_OK
        )


cdef int refuse(int result, path, bytes lines, size_bytes) except -1:
    """Say what is wrong with a file that begins with these header lines."""
    magic, abi_major, _, layout_crc, *_ = HEADER.codec.unpack_from(lines.ljust(HEADER.size_bytes, b"\0"))
    is_sized = magic == SIZED_MAGIC and len(lines) == COUNTS.end_offset
    if result == SQ_WRONG_MAGIC:
        raise WrongMagic(path)
    if result == SQ_WRONG_MAJOR:
        raise WrongVersion(path, abi_major, SQ_ABI_MAJOR)
    if result == SQ_WRONG_LAYOUT:
        raise WrongLayout(path, layout_crc, SIZED_LAYOUT_CRC if is_sized else LAYOUT_CRC)
    counts = counts_of(lines) if is_sized else CONTRACT
    fault = counts.fault() if is_sized else None
    if fault is not None:
        raise WrongCounts(path, *fault, getattr(counts, fault[0]))
    raise WrongSize(path, size_bytes, counts.file_bytes)


def retire_header(int descriptor):
    """Tell the readers of a replaced file, whatever its layout, to look for its successor."""
    cdef uint64_t status_word
    cdef uint64_t *words
    if os.fstat(descriptor).st_size < SQ_HEADER_BYTES:
        return
    cdef void *header = mmap(NULL, SQ_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    if header == MAP_FAILED:
        return
    words = <uint64_t *>header
    if sq_load_acquire(words + SQ_HEADER_MAGIC_WORD) in (SQ_MAGIC, SQ_SIZED_MAGIC):
        status_word = sq_load_word(words + SQ_HEADER_STATE_WORD) & ~(<uint64_t>0xFF << 32)
        sq_store_release(words + SQ_HEADER_STATE_WORD, status_word | <uint64_t>SQ_STATE_RETIRED << 32)
        sq_wake(words)
    munmap(header, SQ_HEADER_BYTES)
