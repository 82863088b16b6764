/* Quotes whose every word follows from one counter, so that any mix of two writes is seen. */
#ifndef SOLQUOTE_STRESS_H
#define SOLQUOTE_STRESS_H

#include "shaped.h"

static inline uint64_t mix(uint64_t seed) { /* splitmix64 */
    seed += 0x9e3779b97f4a7c15u;
    seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
    seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebu;
    return seed ^ (seed >> 31);
}

/* Hot words from the counter in input_amount and the index; flags stay those of a valid quote. */
static inline void hot_words(uint64_t counter, uint32_t index, uint64_t *words) {
    words[SQ_ENTRY_INPUT_AMOUNT_WORD] = counter;
    for (unsigned word = 2; word < SQ_HOT_WORDS; word++) words[word] = mix(words[word - 1] + index);
    words[SQ_ENTRY_FLAGS_WORD] &= ~((uint64_t)0xff << 56);
    words[SQ_ENTRY_FLAGS_WORD] |= (uint64_t)SQ_FLAG_VALID << 56;
}

/* Mints from the identity generation and the index. */
static inline void mint_words(uint64_t generation, uint32_t index, uint64_t *words) {
    words[SQ_HOT_WORDS] = mix(generation << 16 | index);
    for (unsigned word = SQ_HOT_WORDS + 1; word < SQ_ENTRY_WORDS; word++) words[word] = mix(words[word - 1]);
}

static inline int hot_is_whole(uint32_t index, const uint64_t *words) {
    uint64_t expected[SQ_HOT_WORDS];
    hot_words(words[SQ_ENTRY_INPUT_AMOUNT_WORD], index, expected);
    return memcmp(expected + 1, words + 1, SQ_HOT_BYTES - 8) == 0;
}

static inline int mints_are_whole(uint32_t index, const uint64_t *words) {
    uint64_t expected[SQ_ENTRY_WORDS];
    mint_words(sq_generation(words[0]), index, expected);
    return memcmp(expected + SQ_HOT_WORDS, words + SQ_HOT_WORDS, SQ_ENTRY_BYTES - SQ_HOT_BYTES) == 0;
}

static inline int slot_is_whole(const uint64_t *words) {
    uint64_t hot[SQ_HOT_WORDS];
    sq_slot slot;
    sq_entry entry;
    memcpy(&slot, words, sizeof slot);
    hot_words(slot.input_amount, slot.index, hot);
    memcpy(&entry, hot, SQ_HOT_BYTES);
    return slot.output_amount == entry.output_amount && slot.ts_ns == entry.ts_ns && slot.route_id == entry.route_id &&
           slot.slot == entry.slot && slot.price_impact_ppm == entry.price_impact_ppm && slot.source == entry.source;
}

static inline void seeded_update(const uint64_t *map, uint32_t index, uint64_t counter, int identity, sq_update *update) {
    uint64_t words[SQ_ENTRY_WORDS];
    uint64_t generation = sq_generation(sq_load_word(ENTRY_WORDS(map, index)));
    hot_words(counter, index, words);
    mint_words((generation + 1) & 0xffff, index, words); /* the generation has 16 bits */
    update->index = index;
    update->kind = identity ? SQ_KIND_IDENTITY : SQ_KIND_AMOUNTS;
    memcpy(&update->entry, words, SQ_ENTRY_BYTES);
}

#endif
