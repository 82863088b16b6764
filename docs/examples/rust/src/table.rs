//! The reading half of the protocol: attach, read an entry whole, follow changes, tell how the writer is.
//!
//! Restates solquote_shm.h rule by rule; docs/shm.md has the rules, docs/shm-proof.md why each is needed.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{fence, AtomicU64, Ordering};

use crate::kernel::{self, Words};
use crate::layout::*;

const OTHERS_MAY_WRITE: u32 = 0o022;
const ROOT: u32 = 0;
const SPIN_NS_MAX: i64 = 20_000;
const FIRST_LINES_BYTES: u64 = 8 * (HEADER_WORDS + COUNTS_WORDS) as u64;
const FILE_BYTES_MAX: u64 =
    FIRST_LINES_BYTES + 8 * (SLOT_COUNT_MAX * SLOT_WORDS + ENTRY_COUNT_MAX * ENTRY_WORDS) as u64;

/// Why a file was not attached to.
#[derive(Debug)]
pub enum Refusal {
    NotThere,
    NotATable,
    WrongSize,
    WrongMagic,
    WrongMajor,
    WrongLayout,
    WrongOwner,
    UnsafeFolder,
    System(io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere => text.write_str("no file yet: no writer has started"),
            Self::NotATable => text.write_str("a link, folder or device stands in the table's place"),
            Self::WrongSize | Self::WrongMagic => text.write_str("not a table"),
            Self::WrongMajor | Self::WrongLayout => text.write_str("a table of another release"),
            Self::WrongOwner => text.write_str("file and folder belong to different users"),
            Self::UnsafeFolder => text.write_str("somebody else owns the folder, or others may write there"),
            Self::System(error) => error.fmt(text),
        }
    }
}

/// How a table's writer is; only `Live` quotes may be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Live,
    Starting,
    Hung,
    Dead,
    Closed,
    Retired,
}

/// A private copy of one entry, whole.
#[derive(Clone, Copy)]
pub struct Quote {
    words: [u64; ENTRY_WORDS],
}

impl Quote {
    pub fn input_amount(&self) -> u64 {
        self.words[1]
    }

    pub fn output_amount(&self) -> u64 {
        self.words[2]
    }

    /// Unix time at which the quote was last vouched for.
    pub fn ts_ns(&self) -> u64 {
        self.words[3]
    }

    pub fn slot(&self) -> u32 {
        self.words[6] as u32
    }

    pub fn flags(&self) -> u8 {
        (self.words[6] >> 56) as u8
    }

    pub fn price_impact_ppm(&self) -> u32 {
        self.words[7] as u32
    }

    pub fn input_mint(&self) -> [u8; 32] {
        self.mint(8)
    }

    pub fn output_mint(&self) -> [u8; 32] {
        self.mint(12)
    }

    /// Whether it may be acted on: valid, not stale, not older than allowed and not ahead of the clock.
    pub fn is_fresh(&self, now_unix_ns: i64, age_ns_max: i64) -> bool {
        let age_ns = now_unix_ns.wrapping_sub(self.ts_ns() as i64);
        self.flags() & (flag::VALID | flag::STALE) == flag::VALID && (0..=age_ns_max).contains(&age_ns)
    }

    fn mint(&self, word: usize) -> [u8; 32] {
        let mut mint = [0; 32];
        for (bytes, word) in mint.chunks_exact_mut(8).zip(&self.words[word..]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        mint
    }
}

/// How many entries and ring slots a table has, and the word its ring begins at. A reader goes by its own copy: what
/// somebody writes there later moves no address.
struct Shape {
    entries: usize,
    slots: usize,
    ring: usize,
}

impl Shape {
    const LAYOUT: Self = Self { entries: ENTRY_COUNT, slots: SLOT_COUNT, ring: HEADER_WORDS };

    /// What the two header lines of a file of another size say; None when no table has such counts.
    fn said_by(counts: u64) -> Option<Self> {
        let (entries, slots) = (counts as u32 as usize, (counts >> 32) as usize);
        let is_a_ring = slots.is_power_of_two() && (SLOT_COUNT..=SLOT_COUNT_MAX).contains(&slots);
        let ring = HEADER_WORDS + COUNTS_WORDS;
        let is_the_layouts = entries == ENTRY_COUNT && slots == SLOT_COUNT; // which has no second line
        (is_a_ring && !is_the_layouts && (1..=ENTRY_COUNT_MAX).contains(&entries)).then_some(Self {
            entries,
            slots,
            ring,
        })
    }

    fn first_entry(&self) -> usize {
        self.ring + self.slots * SLOT_WORDS
    }

    fn bytes(&self) -> u64 {
        8 * (self.first_entry() + self.entries * ENTRY_WORDS) as u64
    }
}

/// An attached table.
pub struct Table {
    words: Words,
    file: File,
    shape: Shape,
}

impl Table {
    /// Map a table read-only, if only its rightful owner could have put it there.
    pub fn attach(path: &Path) -> Result<Self, Refusal> {
        let file =
            OpenOptions::new().read(true).custom_flags(kernel::O_NOFOLLOW | kernel::O_NONBLOCK).open(path).map_err(
                |error| match error.kind() {
                    io::ErrorKind::NotFound => Refusal::NotThere,
                    io::ErrorKind::PermissionDenied => Refusal::System(error),
                    _ => Refusal::NotATable,
                },
            )?;
        let folder = safe_folder(path)?;
        let status = file.metadata().map_err(Refusal::System)?;
        if !status.is_file() {
            return Err(Refusal::NotATable);
        }
        if status.uid() != folder.uid() {
            return Err(Refusal::WrongOwner);
        }
        if status.len() < FIRST_LINES_BYTES || status.len() > FILE_BYTES_MAX || status.len() % 8 != 0 {
            return Err(Refusal::WrongSize);
        }
        let words = Words::map(&file, (status.len() / 8) as usize).map_err(Refusal::System)?;
        let mut table = Self { words, file, shape: Shape::LAYOUT };
        if status.len() == FILE_BYTES as u64 {
            table.check_header(MAGIC, LAYOUT_CRC)?;
        } else {
            table.check_header(SIZED_MAGIC, SIZED_LAYOUT_CRC)?;
            let counts = table.header(COUNTS).load(Ordering::Relaxed);
            table.shape =
                Shape::said_by(counts).filter(|shape| shape.bytes() == status.len()).ok_or(Refusal::WrongSize)?;
        }
        Ok(table)
    }

    /// Copy an entry whole; None when it stayed mid-write, and it is announced again once written.
    pub fn read(&self, index: usize) -> Option<Quote> {
        let entry = self.entry(index);
        for _ in 0..READ_TRIES_MAX {
            let version = load_acquire(&entry[0]);
            if version & 1 == 0 {
                let mut words = [version; ENTRY_WORDS];
                for (copy, word) in words.iter_mut().zip(entry).skip(1) {
                    *copy = word.load(Ordering::Relaxed);
                }
                // Pairs with the writer's fence after the odd mark. An acquire load below instead of it would let the
                // loads above sink beneath the check.
                fence(Ordering::Acquire);
                if entry[0].load(Ordering::Relaxed) == version {
                    return Some(Quote { words });
                }
            }
            std::hint::spin_loop();
        }
        None
    }

    /// How the writer is; a system call or two unless it is live.
    pub fn life(&self) -> Life {
        let state = load_acquire(self.header(header::STATUS)) >> 32 & 0xff;
        let beat_ns = self.header(header::HEARTBEAT_NS).load(Ordering::Relaxed) as i64;
        let age_ns = kernel::mono_ns().wrapping_sub(beat_ns);
        // A beat ahead of the clock is that of a file which outlived a reboot.
        if state == state::LIVE && (-HEARTBEAT_PERIOD_NS_MAX..HEARTBEAT_LATE_NS).contains(&age_ns) {
            return Life::Live;
        }
        let removed = self.file.metadata().map_or(true, |status| status.nlink() == 0);
        match state {
            state::RETIRED => Life::Retired,
            _ if removed => Life::Retired,
            state::CLOSED => Life::Closed,
            _ if !kernel::is_locked(&self.file) => Life::Dead,
            state::LIVE => Life::Hung,
            _ => Life::Starting,
        }
    }

    fn check_header(&self, magic: u64, layout_crc: u64) -> Result<(), Refusal> {
        if load_acquire(self.header(header::MAGIC)) != magic {
            return Err(Refusal::WrongMagic);
        }
        let abi = self.header(header::ABI).load(Ordering::Relaxed);
        if abi & 0xffff != ABI_MAJOR {
            return Err(Refusal::WrongMajor);
        }
        if abi >> 32 != layout_crc {
            return Err(Refusal::WrongLayout);
        }
        Ok(())
    }

    fn header(&self, word: usize) -> &AtomicU64 {
        &self.words.as_slice()[word]
    }

    fn entry(&self, index: usize) -> &[AtomicU64] {
        &self.words.as_slice()[self.shape.first_entry() + index * ENTRY_WORDS..][..ENTRY_WORDS]
    }

    fn head(&self) -> u64 {
        load_acquire(self.header(header::HEAD))
    }

    fn used(&self) -> usize {
        ((load_acquire(self.header(header::STATUS)) >> 48) as usize).min(self.shape.entries)
    }

    /// Entry and version of an announcement; None when it has been overwritten.
    fn announcement(&self, sequence: u64) -> Option<(usize, u64)> {
        let place = self.shape.ring + (sequence % self.shape.slots as u64) as usize * SLOT_WORDS;
        let slot = &self.words.as_slice()[place..][..SLOT_WORDS];
        let expected = sequence.wrapping_mul(2).wrapping_add(2);
        let before = load_acquire(&slot[0]);
        let index = slot[1].load(Ordering::Relaxed) as u32 as usize;
        let version = slot[2].load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let whole = before == expected && slot[0].load(Ordering::Relaxed) == expected;
        whole.then_some((index, version))
    }
}

/// A reader's place in the stream of changes.
pub struct Follower {
    cursor: u64,
    has_scanned: bool,
    round: u64,
    seen: Vec<u64>,
    named: Vec<u64>,
}

impl Follower {
    pub fn of(table: &Table) -> Self {
        let none = vec![0; table.shape.entries];
        Self { cursor: 0, has_scanned: false, round: 0, seen: none.clone(), named: none }
    }

    /// Put the indexes that changed since the last call into `changed`; the first call names all that was ever written.
    pub fn poll(&mut self, table: &Table, changed: &mut Vec<usize>) {
        changed.clear();
        let head = table.head();
        let behind = head.wrapping_sub(self.cursor) as i64;
        if self.has_scanned && behind <= 0 {
            return;
        }
        self.round += 1;
        if !self.has_scanned || behind > table.shape.slots as i64 {
            return self.scan(table, changed);
        }
        while self.cursor != head {
            // Lapped in the middle: the scan adds to what was taken, for `seen` notes only what is told.
            let Some((index, version)) = table.announcement(self.cursor) else {
                return self.scan(table, changed);
            };
            // A scan may have told this write already; only the low bits count writes.
            if index < table.shape.entries
                && (version.wrapping_sub(self.seen[index]) << (64 - SEQUENCE_BITS)) as i64 > 0
            {
                self.tell(index, version, changed);
            }
            self.cursor = self.cursor.wrapping_add(1);
        }
    }

    /// Wait until there is something to poll, at most so long; spins a little, then sleeps in the kernel.
    pub fn wait(&self, table: &Table, timeout_ns: i64) -> bool {
        let begin_ns = kernel::mono_ns();
        loop {
            if !self.has_scanned || table.head() != self.cursor {
                return true;
            }
            let waited_ns = kernel::mono_ns() - begin_ns;
            if waited_ns >= timeout_ns {
                return false;
            }
            if waited_ns < SPIN_NS_MAX {
                std::hint::spin_loop();
            } else {
                kernel::sleep_while(table.header(header::HEAD), self.cursor as u32, timeout_ns - waited_ns);
            }
        }
    }

    /// Compare every version. The cursor is taken before: what is published meanwhile is announced again.
    fn scan(&mut self, table: &Table, changed: &mut Vec<usize>) {
        self.cursor = table.head();
        self.has_scanned = true;
        for index in 0..table.used() {
            let version = load_acquire(&table.entry(index)[0]);
            if version != self.seen[index] {
                self.tell(index, version, changed);
            }
        }
    }

    fn tell(&mut self, index: usize, version: u64, changed: &mut Vec<usize>) {
        self.seen[index] = version;
        if self.named[index] != self.round {
            self.named[index] = self.round;
            changed.push(index);
        }
    }
}

/// Opens a read; pairs with the writer's release store of the same word. A relaxed load and a fence, since std promises
/// only those on memory mapped read-only.
fn load_acquire(word: &AtomicU64) -> u64 {
    let value = word.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    value
}

/// The folder of a table, if nobody but its owner may write there, and that is us, root, or whom root alone chose.
fn safe_folder(path: &Path) -> Result<fs::Metadata, Refusal> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::metadata(parent).map_err(Refusal::System)?;
    if folder.mode() & OTHERS_MAY_WRITE != 0 {
        return Err(Refusal::UnsafeFolder);
    }
    if folder.uid() == kernel::effective_uid() || folder.uid() == ROOT {
        return Ok(folder);
    }
    match fs::metadata(parent.join("..")) {
        Ok(above) if above.uid() == ROOT && above.mode() & OTHERS_MAY_WRITE == 0 => Ok(folder),
        _ => Err(Refusal::UnsafeFolder),
    }
}
