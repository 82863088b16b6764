# cython: language_level=3
"""What benchmarks/shm.py measures against and with: empty calls, one acquire load, and reads timed one by one."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t acquire(const uint64_t *address) { return __atomic_load_n(address, __ATOMIC_ACQUIRE); }
    """
    uint64_t acquire(const uint64_t *address) noexcept nogil

cdef extern from "solquote_shm.h" nogil:
    enum:
        SQ_OK

    ctypedef struct sq_entry:
        pass

    ctypedef struct sq_map:
        const uint64_t *words

    int sq_attach(const char *path, sq_map *map) noexcept
    void sq_detach(sq_map *map) noexcept
    int sq_read(const uint64_t *map, uint32_t index, sq_entry *entry) noexcept


cdef class Empty:
    """Calls that do nothing: what any compiled call costs."""

    def nothing(self):
        """Take no argument."""

    def one(self, argument):
        """Take one argument."""


cdef int64_t now_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec


def acquire_load_ns(int count):
    """Cost of one acquire load of a line that nobody writes, in a loop."""
    cdef uint64_t word = 0
    cdef uint64_t total = 0
    cdef int number
    cdef int64_t start = now_ns()
    for number in range(count):
        total += acquire(&word)
    return (now_ns() - start) / count


def full_copy_ns(path, uint32_t entries, int count):
    """Cost of copying so many entries whole, in C: a snapshot by a reader that remembers nothing."""
    cdef sq_map table
    cdef uint32_t index
    cdef int number
    cdef int64_t start
    cdef sq_entry *copies = <sq_entry *>calloc(entries, sizeof(sq_entry))
    assert sq_attach(str(path).encode(), &table) == SQ_OK
    start = now_ns()
    for number in range(count):
        for index in range(entries):
            sq_read(table.words, index, &copies[index])
    start = now_ns() - start
    sq_detach(&table)
    free(copies)
    return start / count


def truth_times_ns(handle, uint32_t count):
    """Time truth tests one by one, each less what timing itself costs; also how many were true."""
    cdef int64_t start, stop, empty
    cdef uint32_t number
    cdef int live = 0
    cdef int64_t *times = <int64_t *>calloc(count, sizeof(int64_t))
    try:
        for number in range(count):
            start = now_ns()
            empty = now_ns() - start
            start = now_ns()
            live += bool(handle)
            stop = now_ns()
            times[number] = max(stop - start - empty, 0)
        return [times[number] for number in range(count)], live
    finally:
        free(times)
