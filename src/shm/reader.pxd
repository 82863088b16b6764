# The two files as one table, and handles bound to one entry of it. One object per thread.
cimport cython
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from shm.changed cimport Changed
from shm.layout cimport SQ_MINT_BYTES
from shm.protocol cimport sq_follower
from shm.table cimport Table
from shm.view cimport QuoteView

cdef enum:
    ROLES = 2


@cython.final
cdef class Handle(QuoteView):
    cdef QuoteReader reader
    cdef Table table                # None while unresolved
    cdef const uint64_t *line       # the entry in `table`'s mapping; NULL while unresolved
    cdef const int64_t *live_until_ns  # of `table`'s mapping
    cdef uint32_t local             # entry number inside `table`
    cdef uint64_t generation        # for which the mints are known to be ours
    cdef uint64_t amount
    cdef int role                   # -1 for either
    cdef int state_number           # position in HandleState
    cdef uint64_t searched_mark     # of the reader at the last search
    cdef unsigned char wanted[2 * SQ_MINT_BYTES]

    cdef bint copy_is_live(self, int64_t now_ns) noexcept nogil
    cdef void let_go(self) noexcept
    cdef int look(self) except -1
    cdef int look_closer(self, int64_t now_ns) except -1
    cdef bint resolve(self) except -1


@cython.final
cdef class QuoteReader:
    cdef list tables                # by role; None while its file is not there
    cdef const uint64_t *words[ROLES]
    cdef sq_follower *followers[ROLES]
    cdef readonly object directory
    cdef Changed changed
    cdef QuoteView reused
    cdef const uint64_t *reused_line  # the entry whose mints `reused` holds; NULL for none
    cdef int64_t next_look_ns       # coarse time from which missing and late files are looked at again
    cdef readonly uint64_t attach_count
    cdef uint64_t past_scans        # of files let go
    cdef uint64_t past_busy

    cdef int tend(self, int64_t now_ns) except -1
    cdef int attach(self, int role) except -1
    cdef bint copy_legs(self, Handle first, Handle second, Handle third) noexcept
    cdef int file_bit(self, const uint64_t *line) noexcept nogil
    cdef uint64_t mark(self) noexcept nogil
    cdef bint has_news(self) noexcept nogil
    cdef int nap(self, int64_t timeout_ns) except -1
