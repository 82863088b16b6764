//! What of the layout a reader needs, from "The format" in docs/shm.md. Offsets in words of 8 bytes, counted from the
//! start of the file or of the record.

pub const MAGIC: u64 = u64::from_le_bytes(*b"SOLQUOTE");
pub const ABI_MAJOR: u64 = 1;
/// CRC-32 of the layout's text: a file of another layout is refused. `SQ_LAYOUT_CRC` of the C header.
pub const LAYOUT_CRC: u64 = 0x9b04_f05f;
pub const FILE_BYTES: usize = 288_832;
/// Instead of the two above in a file that says its own counts, in a second header line.
pub const SIZED_MAGIC: u64 = u64::from_le_bytes(*b"SOLQSIZE");
pub const SIZED_LAYOUT_CRC: u64 = 0xf55c_2437;

pub mod header {
    pub const MAGIC: usize = 0;
    /// abi_major, abi_minor, layout_crc
    pub const ABI: usize = 1;
    pub const HEAD: usize = 3;
    pub const HEARTBEAT_NS: usize = 5;
    /// writer_pid (32 bits), state (8), role (8), used (16)
    pub const STATUS: usize = 6;
}

pub mod state {
    pub const LIVE: u64 = 2;
    pub const CLOSED: u64 = 3;
    pub const RETIRED: u64 = 4;
}

pub mod flag {
    pub const VALID: u8 = 1;
    pub const STALE: u8 = 2;
}

pub const HEADER_WORDS: usize = 8;
/// entries (32 bits), slots (32); the rest of that line is zero
pub const COUNTS: usize = HEADER_WORDS;
pub const COUNTS_WORDS: usize = 8;
pub const SLOT_WORDS: usize = 8;
pub const ENTRY_WORDS: usize = 16;

pub const SLOT_COUNT: usize = 512;
pub const ENTRY_COUNT: usize = 2_000;
pub const SLOT_COUNT_MAX: usize = 65_536;
pub const ENTRY_COUNT_MAX: usize = 65_535;
/// Low bits of a version that count writes; the identity generation is above them.
pub const SEQUENCE_BITS: u32 = 48;

pub const READ_TRIES_MAX: u32 = 10;
pub const HEARTBEAT_PERIOD_NS_MAX: i64 = 100_000_000;
pub const HEARTBEAT_LATE_NS: i64 = 3 * HEARTBEAT_PERIOD_NS_MAX;
