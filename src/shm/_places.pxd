# How a reader of both files numbers entries: `layout.role_of_index` and `TableCounts.first_index` for the compiled core.
from libc.stdint cimport uint32_t
from shm.layout cimport SQ_ENTRY_COUNT, SQ_SIZED_INDEX_STRIDE


cdef inline uint32_t role_of(uint32_t index) noexcept nogil:
    if index < <uint32_t>SQ_SIZED_INDEX_STRIDE:
        return index >= <uint32_t>SQ_ENTRY_COUNT
    return index // <uint32_t>SQ_SIZED_INDEX_STRIDE - 1
