//! The few system calls that std has no name for, declared by hand so that no crate is needed. 64-bit Linux.

use std::ffi::{c_int, c_long, c_short, c_void};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

const PROT_READ: c_int = 1;
const MAP_SHARED: c_int = 1;
const CLOCK_MONOTONIC: c_int = 1;
const F_OFD_GETLK: c_int = 36;
const F_WRLCK: c_short = 1;
const F_UNLCK: c_short = 2;
const FUTEX_WAIT: c_int = 0;
#[cfg(target_arch = "x86_64")]
const SYS_FUTEX: c_long = 202;
#[cfg(target_arch = "aarch64")]
const SYS_FUTEX: c_long = 98;

pub const O_NONBLOCK: c_int = 0o4000;
#[cfg(target_arch = "x86_64")]
pub const O_NOFOLLOW: c_int = 0o400_000;
#[cfg(target_arch = "aarch64")]
pub const O_NOFOLLOW: c_int = 0o100_000;

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: c_long,
}

#[repr(C)]
struct Flock {
    kind: c_short,
    whence: c_short,
    start: i64,
    length: i64,
    pid: c_int,
}

extern "C" {
    fn mmap(at: *mut c_void, length: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
    fn munmap(at: *mut c_void, length: usize) -> c_int;
    fn clock_gettime(clock: c_int, now: *mut Timespec) -> c_int;
    fn fcntl(file: c_int, command: c_int, ...) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn geteuid() -> u32;
}

/// Words of a file, mapped read-only and shared with its writer.
pub struct Words {
    start: NonNull<AtomicU64>,
    count: usize,
}

impl Words {
    /// Map a file of at least `count` words.
    pub fn map(file: &File, count: usize) -> io::Result<Self> {
        // SAFETY: a fresh mapping of our own; it overlaps nothing.
        let start = unsafe { mmap(ptr::null_mut(), count * 8, PROT_READ, MAP_SHARED, file.as_raw_fd(), 0) };
        if start as isize == -1 {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, count })
    }

    pub fn as_slice(&self) -> &[AtomicU64] {
        // SAFETY: mapped for as long as `self` lives, page-aligned, and touched by 8-byte atomics alone on both sides.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // SAFETY: our own mapping, and nobody can hold a slice of it any longer.
        unsafe { munmap(self.start.as_ptr().cast(), self.count * 8) };
    }
}

pub fn mono_ns() -> i64 {
    let mut now = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `now` is ours.
    unsafe { clock_gettime(CLOCK_MONOTONIC, &mut now) };
    now.seconds * 1_000_000_000 + now.nanoseconds
}

pub fn effective_uid() -> u32 {
    // SAFETY: it cannot fail.
    unsafe { geteuid() }
}

/// Whether a living process holds the writer's lock: on byte 0 of its open file, dropped by the kernel at any death.
pub fn is_locked(file: &File) -> bool {
    let mut query = Flock { kind: F_WRLCK, whence: 0, start: 0, length: 1, pid: 0 };
    // SAFETY: `query` is ours.
    let answer = unsafe { fcntl(file.as_raw_fd(), F_OFD_GETLK, &mut query as *mut Flock) };
    answer == 0 && query.kind != F_UNLCK
}

/// Sleep while the low half of `word` is `seen`, at most so long.
pub fn sleep_while(word: &AtomicU64, seen: u32, timeout_ns: i64) {
    let left = Timespec { seconds: timeout_ns / 1_000_000_000, nanoseconds: timeout_ns % 1_000_000_000 };
    // SAFETY: the kernel only reads the word, whose low half comes first on a little-endian machine.
    unsafe { syscall(SYS_FUTEX, word.as_ptr(), FUTEX_WAIT, seen, &left as *const Timespec, ptr::null::<u32>(), 0) };
}
