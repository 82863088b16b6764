/* Make, follow and refuse tables of other counts than the layout's.
 *
 * `sized make FILE ENTRIES SLOTS` makes a table, by the writer's functions, with a quote in its first and its last entry.
 * `sized read FILE` attaches to it as a reader that takes any counts, and prints them and the quotes it is told by the first
 * poll; `sized read-contract FILE` attaches as one that takes the layout's alone. Both print the refusal otherwise.
 */
#include "publish.h"

#include <stdio.h>
#include <stdlib.h>

static int make(const char *path, uint32_t entries, uint32_t slots) {
    const sq_shape shape = {entries, slots, SQ_SIZED_SLOT_OFFSET_WORD};
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0 || ftruncate(descriptor, (off_t)sq_file_bytes(shape)) != 0) return 2;
    uint64_t *map = mmap(NULL, sq_file_bytes(shape), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (map == MAP_FAILED) return 2;
    sq_store_word(map + SQ_HEADER_ABI_MAJOR_WORD, SQ_ABI_MAJOR | SQ_SIZED_LAYOUT_CRC << 32);
    sq_store_word(map + SQ_COUNTS_OFFSET_WORD, entries | (uint64_t)slots << 32);
    sq_status_store(map, 1, SQ_STATE_LIVE, SQ_ROLE_INTERNAL, (uint16_t)entries);
    sq_store_release(map + SQ_HEADER_MAGIC_WORD, SQ_SIZED_MAGIC);
    for (uint32_t index = 0; index < entries; index += entries > 1 ? entries - 1 : 1) {
        sq_update update;
        memset(&update, 0, sizeof update);
        update.index = index;
        update.kind = SQ_KIND_IDENTITY;
        update.entry.output_amount = 1000 + index;
        update.entry.flags = SQ_FLAG_VALID;
        sq_publish_in(map, shape, &update);
    }
    return 0;
}

static int follow(const sq_map *map) {
    const sq_shape shape = map->shape;
    sq_follower *follower = calloc(1, sq_follower_bytes(shape) > sizeof *follower ? sq_follower_bytes(shape) : sizeof *follower);
    uint16_t *changed = calloc(shape.entry_count, sizeof *changed);
    uint32_t count = sq_poll_in(map->words, shape, follower, changed);
    printf("%u %u", shape.entry_count, shape.slot_count);
    for (uint32_t number = 0; number < count; number++) {
        sq_entry quote;
        if (sq_read_in(map->words, shape, changed[number], &quote) != SQ_OK) return 2;
        printf(" %u:%lu", changed[number], (unsigned long)quote.output_amount);
    }
    printf("\n");
    free(follower);
    free(changed);
    return 0;
}

int main(int count, char **words) {
    sq_map map;
    if (count == 5 && strcmp(words[1], "make") == 0) return make(words[2], (uint32_t)atol(words[3]), (uint32_t)atol(words[4]));
    if (count != 3) return 2;
    int result = strcmp(words[1], "read") == 0 ? sq_attach_any(words[2], &map) : sq_attach(words[2], &map);
    if (result != SQ_OK) {
        printf("refused: %d\n", result);
        return 0;
    }
    result = follow(&map);
    sq_detach(&map);
    return result;
}
