/* The writing half of the protocol; readers need only solquote_shm.h.
 *
 * No function here allocates, touches a Python object or makes a system call, so nothing slow can happen while an entry
 * is odd. Sources of the orderings: the rules in docs/shm.md, checked by the model in tests/prove.
 */
#ifndef SOLQUOTE_SHM_PUBLISH_H
#define SOLQUOTE_SHM_PUBLISH_H

#include "solquote_shm.h"

/* A crash test stops the writer after each store in turn by defining this. */
#ifndef SQ_AFTER_STORE
#define SQ_AFTER_STORE() ((void)0)
#endif

#if defined(SQ_PLAIN_COPIES)
#define SQ_STORE_WORD(address, value) (*(address) = (value))
#elif defined(SQ_NO_FENCES)
#define SQ_STORE_WORD(address, value) __atomic_store_n((address), (value), __ATOMIC_RELEASE)
#else
#define SQ_STORE_WORD(address, value) __atomic_store_n((address), (value), __ATOMIC_RELAXED)
#endif

/* Ends a write: pairs with the sq_load_acquire that opens a read of the same word. */
static inline void sq_store_release(uint64_t *address, uint64_t value) {
    __atomic_store_n(address, value, __ATOMIC_RELEASE);
    SQ_AFTER_STORE();
}

/* Payload, and the odd mark that sq_fence_release puts before it. */
static inline void sq_store_word(uint64_t *address, uint64_t value) {
    SQ_STORE_WORD(address, value);
    SQ_AFTER_STORE();
}

/* Between odd mark (or intent) and payload: pairs with sq_fence_acquire. A release store of the odd mark instead would
 * let payload stores rise above it. */
static inline void sq_fence_release(void) { SQ_FENCE(__ATOMIC_RELEASE); }

/* One change: what a publish needs, in private memory. */
typedef struct sq_update {
    uint32_t index;
    uint16_t kind;
    sq_entry entry; /* version ignored; the mints only for an identity write */
} sq_update;

SQ_FOLDED uint64_t *sq_entry_target(uint64_t *map, const sq_shape shape, uint32_t index) {
    return map + sq_entry_offset_word(shape) + (size_t)index * SQ_ENTRY_WORDS;
}

/* Next even version: only the low bits count writes, so that a carry cannot reach the generation. */
static inline uint64_t sq_next_version(uint64_t version, uint64_t generations) {
    uint64_t sequence = (version + 2) & SQ_SEQUENCE_MASK & ~(uint64_t)1;
    return ((sq_generation(version) + generations) << SQ_SEQUENCE_BITS) | sequence;
}

static inline uint64_t sq_entry_store(uint64_t *entry, const uint64_t *words, const unsigned count, uint64_t generations) {
    uint64_t version = sq_load_word(entry);
    uint64_t next = sq_next_version(version, generations);
    sq_store_word(entry, version | 1);
    sq_fence_release();
    SQ_UNROLL for (unsigned word = 1; word < count; word++) sq_store_word(entry + word, words[word]);
    sq_store_release(entry, next);
    return next;
}

SQ_FOLDED uint64_t sq_entry_write(uint64_t *map, const sq_shape shape, const sq_update *update) {
    uint64_t words[SQ_ENTRY_WORDS];
    uint64_t *entry = sq_entry_target(map, shape, update->index);
    if (update->kind & SQ_KIND_IDENTITY) {
        memcpy(words, &update->entry, SQ_ENTRY_BYTES);
        return sq_entry_store(entry, words, SQ_ENTRY_WORDS, 1);
    }
    memcpy(words, &update->entry, SQ_HOT_BYTES);
    return sq_entry_store(entry, words, SQ_HOT_WORDS, 0);
}

SQ_FOLDED void sq_slot_write(uint64_t *map, const sq_shape shape, uint64_t sequence, uint64_t version,
                             const sq_update *update) {
    uint64_t *target = map + shape.slot_word + (size_t)(sequence & (shape.slot_count - 1)) * SQ_SLOT_WORDS;
    const sq_entry *entry = &update->entry;
    sq_slot slot = {
        .seq = 2 * sequence + 2,
        .index = update->index,
        .kind = update->kind,
        .source = entry->source,
        .flags = entry->flags,
        .version = version,
        .input_amount = entry->input_amount,
        .output_amount = entry->output_amount,
        .ts_ns = entry->ts_ns,
        .route_id = entry->route_id,
        .slot = entry->slot,
        .price_impact_ppm = entry->price_impact_ppm,
    };
    uint64_t words[SQ_SLOT_WORDS];
    memcpy(words, &slot, sizeof slot);
    sq_store_word(target, words[0] - 1);
    sq_fence_release();
    SQ_UNROLL for (unsigned word = 1; word < SQ_SLOT_WORDS; word++) sq_store_word(target + word, words[word]);
    sq_store_release(target, words[0]);
}

/* Entry, announcement, head. */
SQ_FOLDED void sq_publish_in(uint64_t *map, const sq_shape shape, const sq_update *update) {
    uint64_t head = sq_load_word(map + SQ_HEADER_HEAD_WORD);
    sq_slot_write(map, shape, head, sq_entry_write(map, shape, update), update);
    sq_store_release(map + SQ_HEADER_HEAD_WORD, head + 1);
}

static inline void sq_publish(uint64_t *map, const sq_update *update) { sq_publish_in(map, SQ_CONTRACT, update); }

/* At most SQ_BATCH_ENTRIES_MAX updates announced as one; `intent` tells a reader of several entries that they are on
 * the way, and a restarted writer how far the ring may have been used. */
SQ_FOLDED void sq_publish_batch_in(uint64_t *map, const sq_shape shape, const sq_update *updates, uint32_t count) {
    uint64_t head = sq_load_word(map + SQ_HEADER_HEAD_WORD);
    sq_store_word(map + SQ_HEADER_INTENT_WORD, head + count);
    sq_fence_release();
    for (uint32_t number = 0; number < count; number++) {
        sq_slot_write(map, shape, head + number, sq_entry_write(map, shape, &updates[number]), &updates[number]);
    }
    sq_store_release(map + SQ_HEADER_HEAD_WORD, head + count);
}

static inline void sq_publish_batch(uint64_t *map, const sq_update *updates, uint32_t count) {
    sq_publish_batch_in(map, SQ_CONTRACT, updates, count);
}

/* The writer's own view of an entry: nobody else stores to it. */
SQ_FOLDED void sq_own_entry_in(const uint64_t *map, const sq_shape shape, uint32_t index, sq_entry *entry) {
    uint64_t words[SQ_ENTRY_WORDS];
    const uint64_t *own = sq_entry_words_in(map, shape, index);
    for (unsigned word = 0; word < SQ_ENTRY_WORDS; word++) words[word] = sq_load_word(own + word);
    memcpy(entry, words, sizeof *entry);
}

/* writer_pid, state, role and used share one word. */
static inline void sq_status_store(uint64_t *map, uint32_t pid, uint8_t state, uint8_t role, uint16_t used) {
    uint64_t word = pid | (uint64_t)state << 32 | (uint64_t)role << 40 | (uint64_t)used << 48;
    sq_store_release(map + SQ_HEADER_WRITER_PID_WORD, word);
}

/* What a new file says it is, all but the magic, which comes last. */
static inline void sq_identify(uint64_t *map, const sq_shape shape) {
    int is_sized = shape.slot_word != SQ_SLOT_OFFSET_WORD;
    uint64_t crc = is_sized ? SQ_SIZED_LAYOUT_CRC : SQ_LAYOUT_CRC;
    sq_store_word(map + SQ_HEADER_ABI_MAJOR_WORD, SQ_ABI_MAJOR | (uint64_t)SQ_ABI_MINOR << 16 | crc << 32);
    if (is_sized) sq_store_word(map + SQ_COUNTS_OFFSET_WORD, shape.entry_count | (uint64_t)shape.slot_count << 32);
}

/* ---- life cycle ------------------------------------------------------------------------------------------------ */

/* Flags only: the quote was true when it was written, and is not to be acted on. */
static inline int sq_mark_stale_in(uint64_t *map, const sq_shape shape, uint32_t index, sq_update *update) {
    sq_own_entry_in(map, shape, index, &update->entry);
    if ((update->entry.flags & SQ_FLAG_VALID) == 0 || (update->entry.flags & SQ_FLAG_STALE)) return 0;
    update->index = index;
    update->kind = SQ_KIND_FLAGS;
    update->entry.flags |= SQ_FLAG_STALE;
    return 1;
}

/* Mark every quote stale and move head so far that each reader scans once: for a writer that closes, retires its file or
 * starts over. `intent` goes first, so that no reader of several entries keeps a set of before and after. */
static inline void sq_age_all_in(uint64_t *map, const sq_shape shape, uint64_t top) {
    sq_store_word(map + SQ_HEADER_INTENT_WORD, top + sq_recovery_skip(shape));
    sq_fence_release();
    for (uint32_t index = 0; index < shape.entry_count; index++) {
        sq_update update;
        if (sq_mark_stale_in(map, shape, index, &update)) sq_entry_write(map, shape, &update);
    }
    sq_store_release(map + SQ_HEADER_HEAD_WORD, top + sq_recovery_skip(shape));
}

/* Start a new file, not yet named, with the entries of another: same pairs, generations and quotes, odd ones left out. Head
 * starts beyond the other's, so that a cursor carried over by mistake is lapped. */
static inline void sq_carry_over_in(uint64_t *map, const sq_shape shape, const uint64_t *source) {
    for (uint32_t index = 0; index < shape.entry_count; index++) {
        uint64_t words[SQ_ENTRY_WORDS];
        if (sq_read_words(sq_entry_words_in(source, shape, index), words, SQ_ENTRY_WORDS) != SQ_OK) continue;
        for (unsigned word = 0; word < SQ_ENTRY_WORDS; word++) sq_store_word(sq_entry_target(map, shape, index) + word, words[word]);
    }
    uint64_t head = sq_load_word(source + SQ_HEADER_HEAD_WORD) + sq_recovery_skip(shape);
    sq_store_word(map + SQ_HEADER_INTENT_WORD, head);
    sq_store_word(map + SQ_HEADER_HEAD_WORD, head);
}

/* First sequence no announcement of a former life can have used. */
static inline uint64_t sq_top_in(const uint64_t *map, const sq_shape shape) {
    uint64_t head = sq_load_word(map + SQ_HEADER_HEAD_WORD);
    uint64_t intent = sq_load_word(map + SQ_HEADER_INTENT_WORD);
    uint64_t top = (int64_t)(intent - head) > 0 ? intent : head;
    /* A single publish may have died between its slot and head. */
    return sq_load_word(sq_slot_words_in(map, shape, top)) == 2 * top + 2 ? top + 1 : top;
}

/* Make good what a killed writer left, given its lock. Every step may be repeated if this writer is killed too. Returns
 * how many entries are in use. */
static inline uint32_t sq_recover_in(uint64_t *map, const sq_shape shape) {
    uint32_t used = sq_used_in(map, shape);
    for (uint32_t index = 0; index < shape.entry_count; index++) {
        uint64_t *entry = sq_entry_target(map, shape, index);
        uint64_t version = sq_load_word(entry);
        if (version != 0 && index >= used) used = index + 1; /* died before it stored `used` */
        if ((version & 1) == 0) continue;
        /* A price update cannot be told from an identity change: content and identity are both lost. */
        uint64_t words[SQ_ENTRY_WORDS] = {0};
        words[SQ_ENTRY_FLAGS_WORD] = (uint64_t)SQ_FLAG_RECOVERED << (SQ_ENTRY_FLAGS % 8 * 8);
        sq_entry_store(entry, words, SQ_ENTRY_WORDS, 1);
    }
    sq_age_all_in(map, shape, sq_top_in(map, shape));
    return used;
}

#endif
