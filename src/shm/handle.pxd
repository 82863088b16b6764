# A handle: where its entry is, and what proves that the entry is still its own.
cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t
from shm.layout cimport SQ_MINT_BYTES
from shm.table cimport Table
from shm.tables cimport Tables
from shm.view cimport QuoteView


@cython.final
cdef class Handle(QuoteView):
    cdef Tables tables
    cdef Table table                # None while unresolved
    cdef const uint64_t *line       # the entry in `table`'s mapping; NULL while unresolved
    cdef const int64_t *live_until_ns  # of `table`'s mapping
    cdef uint32_t local             # entry number inside `table`
    cdef uint64_t generation        # for which the mints are known to be ours
    cdef uint64_t amount
    cdef int role                   # -1 for either
    cdef int state_number           # position in HandleState
    cdef uint64_t searched_mark     # of `tables` at the last search
    cdef int64_t next_preference_ns # coarse time from which the internal file is searched for what the external one gave
    cdef unsigned char wanted[2 * SQ_MINT_BYTES]

    cdef bint copy_is_live(self, int64_t now_ns) noexcept nogil
    cdef void disown_foreign_copy(self) noexcept nogil
    cdef int prefer_internal(self, int64_t now_ns) except -1
    cdef void let_go(self) noexcept
    cdef int look(self) except -1
    cdef int look_closer(self, int64_t now_ns) except -1
    cdef bint find(self) except -1
    cdef bint resolve(self) except -1
