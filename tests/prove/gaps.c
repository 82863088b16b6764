/* Give the first of two entries ever new pairs, `gaps FILE SECONDS`: rest, a short write, at once a long one, and again.
 *
 * A reader has the whole entry at rest, waits through the short write, and reads the first half of the next entry in the
 * gap behind it; then the long write keeps it from the second half for longer than it waits. Whatever it shows then,
 * it shows with that half missing.
 */
static void after_store(void);
#define SQ_AFTER_STORE() after_store()

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "stress.h"

enum { REST_NS = 3 * SQ_SPIN_NS_MAX, SHORT_NS = SQ_SPIN_NS_MAX / 2, LONG_NS = 5 * SQ_SPIN_NS_MAX };

static uint64_t *map;
static uint64_t pause_ns;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void wait(uint64_t ns) {
    for (uint64_t until = now_ns() + ns; now_ns() < until;) sq_pause();
}

static void after_store(void) {
    if (sq_load_word(ENTRY_WORDS(map, FIRST_OF_TWO)) & 1) wait(pause_ns);
}

/* A pair that was never there: the mints of a generation come again after 65,536 of them, some ten seconds. */
static void new_pair(uint64_t counter, sq_update *update) {
    seeded_update(map, FIRST_OF_TWO, counter, 1, update);
    memcpy(update->entry.output_mint, &counter, sizeof counter);
}

int main(int count, char **words) {
    if (count != 3) return 2;
    map = map_table(words[1], 1);
    if (map == NULL) return 2;
    uint64_t end_ns = now_ns() + (uint64_t)(atof(words[2]) * 1e9);
    for (uint64_t counter = 1; now_ns() < end_ns; counter += 2) {
        sq_update first, second;
        new_pair(counter, &first);
        new_pair(counter + 1, &second);
        pause_ns = counter % 4 == 1 ? SHORT_NS / SQ_ENTRY_WORDS : 0;
        PUBLISH(map, &first);
        pause_ns = LONG_NS / SQ_ENTRY_WORDS;
        PUBLISH(map, &second);
        sq_store_release(map + SQ_HEADER_HEARTBEAT_NS_WORD, now_ns());
        wait(REST_NS);
    }
    return 0;
}
