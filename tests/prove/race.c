/* One writer thread and two reader threads over the same table, for the thread sanitizer.
 *
 * Built with -DSQ_NO_FENCES it must be silent; built with -DSQ_PLAIN_COPIES it must be reported.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "stress.h"

/* The entries are the table's last. */
enum { ROUNDS = 2000, ROUNDS_MAX = 200000, ENTRIES = 8, BATCH = 4, FIRST = TABLE_ENTRIES - ENTRIES };

static uint64_t *map;
static uint64_t torn;
static int readers_left = 2;
static pthread_barrier_t start;

static void *write_rounds(void *unused) {
    sq_update updates[BATCH];
    pthread_barrier_wait(&start);
    /* Writing goes on while anybody reads: a reader that comes late would find everything ordered, and race nothing. */
    for (uint64_t round = 0; round < ROUNDS_MAX; round++) {
        if (round >= ROUNDS && __atomic_load_n(&readers_left, __ATOMIC_RELAXED) == 0) break;
        seeded_update(map, FIRST + round % ENTRIES, 2 * round + 1, round % 16 < ENTRIES, updates);
        PUBLISH(map, updates);
        for (uint32_t index = 0; index < BATCH; index++) seeded_update(map, FIRST + index, 2 * round + 2, 0, &updates[index]);
        PUBLISH_BATCH(map, updates, BATCH);
        sq_status_store(map, 1, SQ_STATE_LIVE, SQ_ROLE_INTERNAL, TABLE_ENTRIES);
    }
    return unused;
}

static void *read_rounds(void *unused) {
    sq_follower *follower = calloc(1, sizeof(follower_room));
    static uint16_t changed[TABLE_ENTRIES];
    static sq_slot changes[TABLE_ENTRIES];
    uint64_t found = 0;
    pthread_barrier_wait(&start);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t words[SQ_ENTRY_WORDS] = {0};
        uint32_t index = FIRST + round % ENTRIES;
        uint64_t head = sq_head(map);
        if (sq_read_words(ENTRY_WORDS(map, index), words, SQ_ENTRY_WORDS) == SQ_OK && words[0] != 0) {
            int named = sq_generation(words[0]) != 0; /* a batch may reach an entry before its first mints do */
            found += !hot_is_whole(index, words) || (named && !mints_are_whole(index, words));
        }
        if (head != 0 && SLOT_READ(map, head - 1, words, SQ_SLOT_WORDS)) found += !slot_is_whole(words);
        sq_set_whole(map, head);
        if (unused == NULL) {
            POLL(map, follower, changed);
            continue;
        }
        for (uint32_t count = POLL_CHANGES(map, follower, changes); count > 0; count--) {
            found += (changes[count - 1].version & 1) == 0 && !slot_is_whole((const uint64_t *)&changes[count - 1]);
        }
    }
    __atomic_fetch_add(&torn, found, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&readers_left, 1, __ATOMIC_RELAXED);
    free(follower);
    return unused;
}

int main(void) {
    pthread_t threads[3];
    map = aligned_alloc(64, 8 * (size_t)TABLE_WORDS);
    begin_table(map);
    if (!is_the_table(map)) return 2;
    pthread_barrier_init(&start, NULL, 3);
    pthread_create(&threads[0], NULL, write_rounds, NULL);
    pthread_create(&threads[1], NULL, read_rounds, NULL);
    pthread_create(&threads[2], NULL, read_rounds, &torn);
    for (int number = 0; number < 3; number++) pthread_join(threads[number], NULL);
    printf("torn=%lu\n", torn);
    return torn != 0;
}
