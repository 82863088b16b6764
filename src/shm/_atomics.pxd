# The only ways to touch a mapping: aligned 8-byte atomics and two fences. C11 orderings, same on x86-64 and aarch64.
#
#   writer                                        reader
#   sq_store_word(version, odd)                   sq_load_acquire(version)   <- pairs with sq_store_release(version)
#   sq_fence_release()          pairs with -+     sq_load_word(payload ...)
#   sq_store_word(payload ...)              +->   sq_fence_acquire()
#   sq_store_release(version, even)               sq_load_word(version), equal to the first: accept
#
# They are C in solquote_shm.h and publish.h, so that the sanitizer build and readers in C use the very same lines.
from libc.stdint cimport uint64_t

cdef extern from "publish.h" nogil:
    uint64_t sq_load_acquire(const uint64_t *address) noexcept
    uint64_t sq_load_word(const uint64_t *address) noexcept
    void sq_fence_acquire() noexcept
    void sq_store_word(uint64_t *address, uint64_t value) noexcept
    void sq_store_release(uint64_t *address, uint64_t value) noexcept
    void sq_fence_release() noexcept
    void sq_pause() noexcept
