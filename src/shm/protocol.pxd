# Read, follow, publish and recover: the algorithms of the protocol, in C so that every language runs the same ones.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from shm.layout cimport sq_entry, sq_slot

cdef extern from "solquote_shm.h" nogil:
    enum:
        SQ_OK
        SQ_BUSY
        SQ_NOT_THERE
        SQ_WRONG_SIZE
        SQ_WRONG_MAGIC
        SQ_WRONG_MAJOR
        SQ_WRONG_LAYOUT

    ctypedef struct sq_shape:
        uint32_t entry_count
        uint32_t slot_count
        uint32_t slot_word

    const sq_shape SQ_CONTRACT

    ctypedef struct sq_follower:
        uint64_t cursor
        uint64_t scans

    size_t sq_file_bytes(sq_shape shape) noexcept
    size_t sq_follower_bytes(sq_shape shape) noexcept
    size_t sq_entry_offset_word(sq_shape shape) noexcept
    int sq_read_words(const uint64_t *entry, void *copy, unsigned count) noexcept
    int sq_read_hot_line(const uint64_t *line, sq_entry *entry) noexcept
    int sq_slot_read_in(const uint64_t *map, sq_shape shape, uint64_t sequence, uint64_t *copy, unsigned count) noexcept
    uint64_t sq_generation(uint64_t version) noexcept
    uint64_t sq_head(const uint64_t *map) noexcept
    uint32_t sq_used_in(const uint64_t *map, sq_shape shape) noexcept
    int sq_set_whole(const uint64_t *map, uint64_t head_before) noexcept
    uint32_t sq_poll(const uint64_t *map, sq_follower *follower, uint16_t *changed) noexcept
    uint32_t sq_poll_changes(const uint64_t *map, sq_follower *follower, sq_slot *changes) noexcept
    uint32_t sq_poll_in(const uint64_t *map, sq_shape shape, sq_follower *follower, uint16_t *changed) noexcept
    uint32_t sq_poll_changes_in(
        const uint64_t *map, sq_shape shape, sq_follower *follower, sq_slot *changes
    ) noexcept
    int sq_file_shape(int descriptor, uint64_t size_bytes, sq_shape *shape) noexcept
    int sq_check_shaped(const uint64_t *map, sq_shape shape) noexcept
    bint sq_beats(uint64_t heartbeat_ns, int64_t now_mono_ns) noexcept

cdef extern from "publish.h" nogil:
    ctypedef struct sq_update:
        uint32_t index
        uint16_t kind
        sq_entry entry

    void sq_publish(uint64_t *map, const sq_update *update) noexcept
    void sq_publish_in(uint64_t *map, sq_shape shape, const sq_update *update) noexcept
    void sq_publish_batch(uint64_t *map, const sq_update *updates, uint32_t count) noexcept
    void sq_publish_batch_in(uint64_t *map, sq_shape shape, const sq_update *updates, uint32_t count) noexcept
    void sq_own_entry_in(const uint64_t *map, sq_shape shape, uint32_t index, sq_entry *entry) noexcept
    int sq_mark_stale_in(uint64_t *map, sq_shape shape, uint32_t index, sq_update *update) noexcept
    void sq_status_store(uint64_t *map, uint32_t pid, uint8_t state, uint8_t role, uint16_t used) noexcept
    void sq_identify(uint64_t *map, sq_shape shape) noexcept
    uint64_t sq_magic_of(sq_shape shape) noexcept
    void sq_carry_over_in(uint64_t *map, sq_shape shape, const uint64_t *source) noexcept
    void sq_age_all_in(uint64_t *map, sq_shape shape, uint64_t top) noexcept
    uint64_t sq_top_in(const uint64_t *map, sq_shape shape) noexcept
    uint32_t sq_recover_in(uint64_t *map, sq_shape shape) noexcept
