/* Stop a poll after each of its loads in turn, lap it, go on, and compare what it told with what was written.
 *
 * `lap CHANGED LAP indexes|values` publishes to entries 0..CHANGED-1, then polls; after load N (for every N until a poll
 * needs fewer) it publishes LAP times from entry 50 on, in the very middle of the poll, and then lets it go on. What the poll
 * and the one after it tell must name every entry written; reading each (or, of a poll with values, not reading it) must give
 * its last write, and the kinds told must be all that were written. Prints how many stops there were; exits with 1 and a
 * sentence at the first thing missed.
 */
static void after_load(void);
#define SQ_AFTER_LOAD() after_load()

#include "shaped.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENTRIES = 200, KINDS = 5 };

/* The entries written are the last of the table, so that indexes use all of their bits. */
enum { FIRST = TABLE_ENTRIES - ENTRIES };

static uint64_t table[TABLE_WORDS] __attribute__((aligned(64)));
/* Of each entry: its last write, and the kinds of all. */
typedef struct knowledge {
    uint64_t write[ENTRIES];
    uint16_t kinds[ENTRIES];
} knowledge;

static knowledge written, told;
static long loads_left = -1;
static int laps, with_values;

static void write_entry(uint32_t index) {
    sq_update update;
    memset(&update, 0, sizeof update);
    update.index = FIRST + index;
    update.kind = (uint16_t)(1 << written.write[index] % KINDS);
    written.kinds[index] |= update.kind;
    update.entry.output_amount = ++written.write[index];
    update.entry.flags = SQ_FLAG_VALID;
    PUBLISH(table, &update);
}

static void after_load(void) {
    if (loads_left < 0 || --loads_left != 0) return;
    loads_left = -1; /* the writer's own loads are not the reader's */
    for (int number = 0; number < laps; number++) write_entry(ENTRIES / 4 + number % (ENTRIES / 2));
}

static int all_told(long stop) {
    for (uint32_t index = 0; index < ENTRIES; index++) {
        if (told.write[index] == written.write[index] && (written.kinds[index] & ~told.kinds[index]) == 0) continue;
        fprintf(stderr, "stopped after load %ld: entry %u was written %lu times with kinds %x, the caller knows of %lu and %x\n",
                stop, index, (unsigned long)written.write[index], written.kinds[index], (unsigned long)told.write[index],
                told.kinds[index]);
        return 0;
    }
    return 1;
}

static void poll_and_read(sq_follower *follower) {
    static uint16_t changed[TABLE_ENTRIES];
    uint32_t count = POLL(table, follower, changed);
    loads_left = -1;
    for (uint32_t number = 0; number < count; number++) {
        sq_entry entry;
        if (READ(table, changed[number], &entry) != SQ_OK) continue;
        told.write[changed[number] - FIRST] = entry.output_amount;
        told.kinds[changed[number] - FIRST] = SQ_KIND_EVERYTHING; /* an index says no less */
    }
}

static void poll_values(sq_follower *follower) {
    static sq_slot changes[TABLE_ENTRIES];
    uint32_t count = POLL_CHANGES(table, follower, changes);
    loads_left = -1;
    for (uint32_t number = 0; number < count; number++) {
        if (changes[number].version & 1) continue;
        told.write[changes[number].index - FIRST] = changes[number].output_amount;
        told.kinds[changes[number].index - FIRST] |= changes[number].kind;
    }
}

static void poll(sq_follower *follower) { (with_values ? poll_values : poll_and_read)(follower); }

/* Lap the reader after load `stop` of its first poll, which is a scan, or of one that follows the ring. 0 = something was
 * missed, 1 = the poll was over before, 2 = it was stopped and nothing is missing. */
static int lapped_at(long stop, int in_scan, uint32_t changes) {
    static follower_room room;
    sq_follower *follower = &room.follower;
    begin_table(table);
    memset(&written, 0, sizeof written);
    memset(&room, 0, sizeof room);
    memset(&told, 0, sizeof told);
    sq_status_store(table, 1, SQ_STATE_LIVE, SQ_ROLE_INTERNAL, FIRST + ENTRIES);
    if (!in_scan) poll(follower);
    for (uint32_t index = 0; index < changes; index++) write_entry(index);
    uint64_t head_before = sq_load_word(table + SQ_HEADER_HEAD_WORD);
    loads_left = stop;
    poll(follower);
    int was_stopped = sq_load_word(table + SQ_HEADER_HEAD_WORD) != head_before;
    poll(follower);
    return all_told(stop) ? 1 + was_stopped : 0;
}

int main(int count, char **words) {
    if (count != 4) return 2;
    uint32_t changes = (uint32_t)atoi(words[1]);
    laps = atoi(words[2]);
    with_values = strcmp(words[3], "values") == 0;
    begin_table(table);
    if (!is_the_table(table)) return 2;
    long stops = 0;
    for (int in_scan = 0; in_scan < 2; in_scan++) {
        int outcome = 2;
        for (long stop = 1; outcome == 2; stop++) {
            outcome = lapped_at(stop, in_scan, changes);
            stops += outcome == 2;
        }
        if (outcome == 0) return 1;
    }
    printf("%ld\n", stops);
    return 0;
}
