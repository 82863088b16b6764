/* Stop in the middle of a publish: `stop FILE ACTION STORES SIGNAL` does ACTION on the table and sends itself SIGNAL after
 * that many stores. Exits with 0 when ACTION was over before.
 *
 * The file must have its entries 0 and 1 assigned (its last two where it is of other counts than the
 * layout's) and no living writer; the lock is not taken, so nothing else may write.
 */
static void after_store(void);
#define SQ_AFTER_STORE() after_store()

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "shaped.h"

static long stores_left;
static int stop_signal;

static void after_store(void) {
    if (--stores_left == 0) raise(stop_signal);
}

static sq_update update_of(const uint64_t *map, uint32_t index, uint16_t kind) {
    sq_update update = {.index = index, .kind = kind};
    sq_own_entry_in(map, SHAPE, index, &update.entry);
    update.entry.output_amount++;
    update.entry.ts_ns++;
    return update;
}

static void act(uint64_t *map, const char *action) {
    sq_update updates[2] = {update_of(map, FIRST_OF_TWO, SQ_KIND_AMOUNTS), update_of(map, FIRST_OF_TWO + 1, SQ_KIND_AMOUNTS)};
    if (strcmp(action, "single") == 0) {
        PUBLISH(map, &updates[0]);
    } else if (strcmp(action, "batch") == 0) {
        PUBLISH_BATCH(map, updates, 2);
    } else if (strcmp(action, "identity") == 0) {
        updates[0].kind = SQ_KIND_IDENTITY;
        memset(updates[0].entry.output_mint, 9, SQ_MINT_BYTES);
        PUBLISH(map, &updates[0]);
    } else if (strcmp(action, "amount") == 0) {
        updates[0].entry.input_amount++;
        PUBLISH(map, &updates[0]);
    } else if (strcmp(action, "recover") == 0) {
        sq_recover_in(map, SHAPE);
    } else {
        fprintf(stderr, "no such action: %s\n", action);
        exit(2);
    }
}

int main(int count, char **words) {
    if (count != 5) return 2;
    uint64_t *map = map_table(words[1], 1);
    if (map == NULL) return 2;
    stores_left = atol(words[3]);
    stop_signal = atoi(words[4]);
    act(map, words[2]);
    return 0;
}
