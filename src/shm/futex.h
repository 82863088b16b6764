/* Waiting on `head` across processes: shared futexes, for which a read-only mapping is enough. */
#ifndef SOLQUOTE_SHM_FUTEX_H
#define SOLQUOTE_SHM_FUTEX_H

#include "solquote_shm.h"

static inline void sq_wake(const uint64_t *map) {
    syscall(SYS_futex, sq_futex_word(map), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Sleep until one of the heads differs from what was seen, or the time is over; may return early. */
static inline void sq_sleep(const uint64_t *const *maps, const uint64_t *heads, unsigned count, int64_t timeout_ns) {
    struct timespec timeout = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    if (count == 0) {
        nanosleep(&timeout, NULL);
        return;
    }
    if (count == 1) {
        syscall(SYS_futex, sq_futex_word(maps[0]), FUTEX_WAIT, (uint32_t)heads[0], &timeout, NULL, 0);
        return;
    }
#if defined(SYS_futex_waitv)
    struct futex_waitv waiters[2];
    struct timespec deadline;
    memset(waiters, 0, sizeof waiters);
    for (unsigned number = 0; number < 2; number++) {
        waiters[number].val = (uint32_t)heads[number];
        waiters[number].uaddr = (uintptr_t)sq_futex_word(maps[number]);
        waiters[number].flags = FUTEX_32;
    }
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_nsec += timeout.tv_nsec;
    deadline.tv_sec += timeout.tv_sec + deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    if (syscall(SYS_futex_waitv, waiters, 2, 0, &deadline, CLOCK_MONOTONIC) != -1 || errno != ENOSYS) return;
#endif
    /* A kernel before 5.16 waits on one word at a time: look at the other every millisecond. */
    struct timespec slice = {0, timeout_ns < 1000000 ? timeout_ns : 1000000};
    syscall(SYS_futex, sq_futex_word(maps[0]), FUTEX_WAIT, (uint32_t)heads[0], &slice, NULL, 0);
}

#endif
