/* Print every valid quote of a table, one a line: index, amounts, slot, price impact, flags and the first mint bytes.
 *
 *     cc -O2 -std=c11 -D_GNU_SOURCE -I"$(python -c 'import shm, pathlib; print(pathlib.Path(shm.__file__).parent)')" \
 *         docs/examples/shm_reader.c -o shm_reader
 *     ./shm_reader /dev/shm/solquote-1000/quotes-internal.mmap
 */
#include <inttypes.h>
#include <stdio.h>

#include "solquote_shm.h"

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
    static sq_follower follower;
    static uint16_t changed[SQ_ENTRY_COUNT];
    sq_map map;
    if (count != 2) return 2;
    int result = sq_attach(words[1], &map);
    if (result != SQ_OK) {
        fprintf(stderr, "cannot attach to %s: reason %d of enum sq_result\n", words[1], result);
        return 1;
    }
    uint32_t changes = sq_poll(map.words, &follower, changed); /* the first poll names everything */
    for (uint32_t number = 0; number < changes; number++) {
        sq_entry quote;
        if (sq_read(map.words, changed[number], &quote) == SQ_OK && (quote.flags & SQ_FLAG_VALID)) {
            print_quote(changed[number], &quote);
        }
    }
    sq_detach(&map);
    return 0;
}
