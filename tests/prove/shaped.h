/* Which table a program is of: one of the layout's counts, or with SIZED_ENTRIES and SIZED_SLOTS defined one of those, which
 * are learnt as from a file. The former goes through the functions without a shape, as readers of the layout do.
 */
#ifndef SOLQUOTE_SHAPED_H
#define SOLQUOTE_SHAPED_H

#include "publish.h"

#ifdef SIZED_ENTRIES
enum { TABLE_ENTRIES = SIZED_ENTRIES, TABLE_SLOTS = SIZED_SLOTS, TABLE_SLOT_WORD = SQ_SIZED_SLOT_OFFSET_WORD };
static sq_shape learnt;
enum { FIRST_OF_TWO = TABLE_ENTRIES - 2 }; /* the entries of proofs that act on two */
#define SHAPE learnt
#define PUBLISH(map, update) sq_publish_in(map, learnt, update)
#define PUBLISH_BATCH(map, updates, count) sq_publish_batch_in(map, learnt, updates, count)
#define POLL(map, follower, changed) sq_poll_in(map, learnt, follower, changed)
#define POLL_CHANGES(map, follower, changes) sq_poll_changes_in(map, learnt, follower, changes)
#define READ(map, index, entry) sq_read_in(map, learnt, index, entry)
#define READ_HOT(map, index, entry) sq_read_hot_in(map, learnt, index, entry)
#define ENTRY_WORDS(map, index) sq_entry_words_in(map, learnt, index)
#define SLOT_READ(map, sequence, copy, count) sq_slot_read_in(map, learnt, sequence, copy, count)
#else
enum { TABLE_ENTRIES = SQ_ENTRY_COUNT, TABLE_SLOTS = SQ_SLOT_COUNT, TABLE_SLOT_WORD = SQ_SLOT_OFFSET_WORD };
enum { FIRST_OF_TWO = 0 };
#define SHAPE SQ_CONTRACT
#define PUBLISH(map, update) sq_publish(map, update)
#define PUBLISH_BATCH(map, updates, count) sq_publish_batch(map, updates, count)
#define POLL(map, follower, changed) sq_poll(map, follower, changed)
#define POLL_CHANGES(map, follower, changes) sq_poll_changes(map, follower, changes)
#define READ(map, index, entry) sq_read(map, index, entry)
#define READ_HOT(map, index, entry) sq_read_hot(map, index, entry)
#define ENTRY_WORDS(map, index) sq_entry_words(map, index)
#define SLOT_READ(map, sequence, copy, count) sq_slot_read(map, sequence, copy, count)
#endif

enum { TABLE_WORDS = TABLE_SLOT_WORD + TABLE_SLOTS * SQ_SLOT_WORDS + TABLE_ENTRIES * SQ_ENTRY_WORDS };

/* A follower of the table: it has as many members as there are entries, which sq_follower may be smaller than. */
typedef union follower_room {
    sq_follower follower;
    uint64_t words[8 + 3 * TABLE_ENTRIES];
} follower_room;

/* Whether this memory holds the table the program is of; from here on its counts are known. */
static inline int is_the_table(const uint64_t *map) {
#ifdef SIZED_ENTRIES
    return sq_check_sized_header(map, 8 * (uint64_t)TABLE_WORDS, &learnt) == SQ_OK && learnt.entry_count == SIZED_ENTRIES;
#else
    return sq_check_header(map) == SQ_OK;
#endif
}

/* Make it the table's, for a program without a file. */
static inline void begin_table(uint64_t *map) {
    const sq_shape shape = {TABLE_ENTRIES, TABLE_SLOTS, TABLE_SLOT_WORD};
    memset(map, 0, 8 * (size_t)TABLE_WORDS);
    sq_identify(map, shape);
    sq_store_release(map + SQ_HEADER_MAGIC_WORD, sq_magic_of(shape));
}

/* Map the table's file; NULL when it is not one. */
static inline uint64_t *map_table(const char *path, int writable) {
    int descriptor = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);
    void *map = mmap(NULL, 8 * (size_t)TABLE_WORDS, protection, MAP_SHARED | MAP_POPULATE, descriptor, 0);
    return descriptor < 0 || map == MAP_FAILED || !is_the_table((uint64_t *)map) ? NULL : (uint64_t *)map;
}

#endif
