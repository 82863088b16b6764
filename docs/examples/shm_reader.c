/* Print every quote of a table that may be acted on, one a line: index, amounts, slot, price impact, flags and mints; then
 * follow changes for as many seconds as asked.
 *
 *     cc -O2 -std=c11 -I"$(python -c 'import shm, pathlib; print(pathlib.Path(shm.__file__).parent)')" \
 *         docs/examples/shm_reader.c -o shm_reader
 *     ./shm_reader /dev/shm/solquote-1000/quotes-internal.mmap [SECONDS [AGE_NS_MAX]]
 */
#include "solquote_shm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int64_t unix_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void print_mint(const uint8_t *mint) {
    for (int byte = 0; byte < SQ_MINT_BYTES; byte++) printf("%02x", mint[byte]);
}

static void print_quote(uint32_t index, const sq_entry *quote) {
    printf("%" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu32 " %u ", index, quote->input_amount,
           quote->output_amount, quote->slot, quote->price_impact_ppm, quote->flags);
    print_mint(quote->input_mint);
    printf(" ");
    print_mint(quote->output_mint);
    printf("\n");
}

int main(int count, char **words) {
    sq_map map;
    if (count < 2 || count > 4) return 2;
    int64_t end_ns = sq_mono_ns() + (count > 2 ? atoll(words[2]) * 1000000000 : 0);
    int64_t age_ns_max = count > 3 ? atoll(words[3]) : 5000000000;
    int result = sq_attach_any(words[1], &map); /* sq_attach, and functions without _in, for tables of the layout's counts alone */
    if (result != SQ_OK) {
        fprintf(stderr, "cannot attach to %s: reason %d of enum sq_result\n", words[1], result);
        return 1;
    }
    sq_follower *follower = (sq_follower *)calloc(1, sq_follower_bytes(map.shape));
    uint16_t *changed = (uint16_t *)calloc(map.shape.entry_count, sizeof *changed);
    if (follower == NULL || changed == NULL) return 1;
    do {
        uint32_t changes = sq_poll_in(map.words, map.shape, follower, changed); /* the first poll names everything */
        for (uint32_t number = 0; number < changes; number++) {
            sq_entry quote;
            if (sq_read_in(map.words, map.shape, changed[number], &quote) != SQ_OK) continue; /* it is announced again when written */
            if (sq_is_fresh(&quote, unix_ns(), age_ns_max) && sq_liveness(&map) == SQ_LIVE) print_quote(changed[number], &quote);
        }
        fflush(stdout);
    } while (sq_mono_ns() < end_ns && (sq_wait(map.words, follower, 100000000), 1));
    if (sq_liveness(&map) != SQ_LIVE) fprintf(stderr, "the writer is not live: %d of enum sq_life\n", (int)sq_liveness(&map));
    free(follower);
    free(changed);
    sq_detach(&map);
    return 0;
}
