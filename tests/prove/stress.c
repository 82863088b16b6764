/* Write or read seeded quotes as fast as told, in a process of its own.
 *
 *     stress FILE write PATTERN WRITES_PER_S SECONDS     PATTERN: same, random, identity, batch; 0 writes/s is unbounded
 *     stress FILE read PATTERN ACCEPTED SECONDS          until so many reads were accepted, one was torn or the time is over
 *
 * A writer needs a new file without a living writer; SIGTERM ends it early. A reader prints one line of name=number pairs.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "stress.h"

enum { SET = 3, BATCH = SQ_BATCH_ENTRIES_MAX, HISTOGRAM = 4096, TIMED_EVERY = 64 };

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t *map_file(const char *path, int writable) {
    uint64_t *map = map_table(path, writable);
    if (map == NULL) exit(2);
    return map;
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

static uint32_t write_once(uint64_t *map, const char *pattern, uint64_t counter, sq_update *updates) {
    if (pattern[0] == 'b') {
        for (uint32_t index = 0; index < BATCH; index++) seeded_update(map, index, counter, 0, &updates[index]);
        PUBLISH_BATCH(map, updates, BATCH);
        return BATCH;
    }
    uint32_t index = pattern[0] == 's' ? 0 : (uint32_t)(mix(counter) % TABLE_ENTRIES);
    int identity = pattern[0] == 'i' && mix(counter ^ 1) % 8 == 0;
    if (pattern[0] == 'i') index %= 4;
    seeded_update(map, index, counter, identity, updates);
    PUBLISH(map, updates);
    return 1;
}

static volatile sig_atomic_t told_to_stop;

static void on_terminate(int unused) {
    (void)unused;
    told_to_stop = 1;
}

static int write_all(const char *path, const char *pattern, uint64_t writes_per_s, double seconds) {
    static sq_update updates[BATCH];
    uint64_t *map = map_file(path, 1);
    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), written = 0, counter = 0;
    uint64_t now = start;
    for (uint32_t index = 0; index < TABLE_ENTRIES; index++) {
        seeded_update(map, index, ++counter, 1, updates);
        PUBLISH(map, updates);
    }
    written += write_once(map, pattern, ++counter, updates); /* readers of sets begin with a whole batch */
    sq_status_store(map, (uint32_t)getpid(), SQ_STATE_LIVE, SQ_ROLE_INTERNAL, TABLE_ENTRIES);
    signal(SIGTERM, on_terminate);
    while (now < end && !told_to_stop) {
        if (writes_per_s == 0 || written * 1000000000u <= (now - start) * writes_per_s) {
            for (int burst = 0; burst < (writes_per_s == 0 ? 64 : 1); burst++) {
                written += write_once(map, pattern, ++counter, updates);
            }
        }
        now = now_ns();
        sq_store_release(map + SQ_HEADER_HEARTBEAT_NS_WORD, now);
    }
    printf("written=%lu\n", written);
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t accepted, torn, busy, lapped, scans, histogram[HISTOGRAM];
} tally;

static void count_read(tally *counts, int result, int whole) {
    if (result != SQ_OK) counts->busy++;
    else if (whole) counts->accepted++;
    else counts->torn++;
}

static void read_hot_line(const uint64_t *map, uint32_t index, tally *counts) {
    uint64_t words[SQ_HOT_WORDS] = {0};
    int result = sq_read_words(ENTRY_WORDS(map, index), words, SQ_HOT_WORDS);
    count_read(counts, result, hot_is_whole(index, words));
}

static void read_whole(const uint64_t *map, uint32_t index, tally *counts) {
    uint64_t words[SQ_ENTRY_WORDS] = {0};
    int result = sq_read_words(ENTRY_WORDS(map, index), words, SQ_ENTRY_WORDS);
    count_read(counts, result, hot_is_whole(index, words) && mints_are_whole(index, words));
}

/* `back` slots behind the head: the newest, or the oldest, which the writer takes next. */
static void read_slot(const uint64_t *map, uint64_t back, tally *counts) {
    uint64_t words[SQ_SLOT_WORDS];
    if (SLOT_READ(map, sq_head(map) - back, words, SQ_SLOT_WORDS)) count_read(counts, SQ_OK, slot_is_whole(words));
    else counts->lapped++;
}

/* Three entries of one batch carry one counter. */
static void read_set(const uint64_t *map, uint32_t index, tally *counts) {
    sq_entry legs[SET];
    uint64_t head = sq_head(map);
    for (uint32_t leg = 0; leg < SET; leg++) {
        if (READ_HOT(map, (index + leg * 71) % BATCH, &legs[leg]) != SQ_OK) {
            counts->busy++;
            return;
        }
    }
    if (!sq_set_whole(map, head)) counts->lapped++;
    else count_read(counts, SQ_OK, legs[0].input_amount == legs[1].input_amount && legs[0].input_amount == legs[2].input_amount);
}

/* What is announced is at least as new as the announcement. */
static void follow(const uint64_t *map, sq_follower *follower, tally *counts) {
    static uint16_t changed[TABLE_ENTRIES];
    uint32_t count = POLL(map, follower, changed);
    for (uint32_t number = 0; number < count; number++) {
        uint64_t version = sq_load_acquire(ENTRY_WORDS(map, changed[number]));
        count_read(counts, SQ_OK, (int64_t)((version - *sq_seen(follower, SHAPE, changed[number])) << 16) >= 0);
    }
}

/* Hot reads of one entry, each timed with what an empty timing costs taken off. */
static void time_reads(const uint64_t *map, uint32_t index, tally *counts) {
    sq_entry entry;
    uint64_t before = now_ns(), empty = now_ns() - before;
    before = now_ns();
    int result = READ_HOT(map, index, &entry);
    uint64_t took = now_ns() - before;
    took = took > empty ? took - empty : 0;
    counts->busy += result != SQ_OK;
    counts->histogram[took < HISTOGRAM ? took : HISTOGRAM - 1]++;
}

static uint64_t percentile(const tally *counts, double part) {
    uint64_t total = 0, passed = 0;
    for (int bin = 0; bin < HISTOGRAM; bin++) total += counts->histogram[bin];
    for (int bin = 0; bin < HISTOGRAM; bin++) {
        passed += counts->histogram[bin];
        if ((double)passed >= part * (double)total) return (uint64_t)bin;
    }
    return HISTOGRAM;
}

static int read_all(const char *path, const char *pattern, uint64_t wanted, double seconds) {
    static tally counts;
    static follower_room room;
    const uint64_t *map = map_file(path, 0);
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    while (sq_used_in(map, SHAPE) < TABLE_ENTRIES && now_ns() < end) sq_pause();
    uint32_t entries = pattern[0] == 's' ? 1 : pattern[0] == 'i' ? 4 : pattern[0] == 'b' ? BATCH : TABLE_ENTRIES;
    for (uint64_t round = 0; counts.accepted < wanted && counts.torn == 0 && now_ns() < end; round++) {
        for (uint32_t number = 0; number < TIMED_EVERY; number++) {
            uint32_t index = (uint32_t)(mix(round * TIMED_EVERY + number) % entries);
            read_hot_line(map, index, &counts);
            if (pattern[0] == 'i') read_whole(map, index, &counts);
            if (pattern[0] == 'b') read_set(map, index, &counts);
            if (number % 4 == 0) read_slot(map, number % 8 == 0 ? 1 : TABLE_SLOTS, &counts);
        }
        follow(map, &room.follower, &counts);
        time_reads(map, 0, &counts);
    }
    printf("accepted=%lu torn=%lu busy=%lu lapped=%lu scans=%lu p50_ns=%lu p99_ns=%lu\n", counts.accepted, counts.torn,
           counts.busy, counts.lapped, room.follower.scans, percentile(&counts, 0.5), percentile(&counts, 0.99));
    return counts.torn != 0;
}

int main(int count, char **words) {
    if (count != 6) return 2;
    uint64_t number = strtoull(words[4], NULL, 10);
    double seconds = atof(words[5]);
    int writes = strcmp(words[2], "write") == 0;
    return writes ? write_all(words[1], words[3], number, seconds) : read_all(words[1], words[3], number, seconds);
}
