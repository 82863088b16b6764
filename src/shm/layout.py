"""The shared-memory quote table, byte by byte: the one source of offsets, types, counts and bit values.

    file     0 ....... 64 ............... 32,832 ............................. 288,832
             header    ring 512 x 64 B    entries 2000 x 128 B (hot line, then identity line)

Everything else is made from here by `python -m shm.generate`: `layout.pxd` for the compiled core and `solquote_shm.h`
for readers in other languages. `LAYOUT_CRC` is the checksum of `canonical_text()`; it is stored in the header of each
file, so a reader built from another layout refuses the file instead of misreading it. What the fields mean and in
which order they may be touched is in `docs/shm.md`.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

ABI_MAJOR: Final = 1
ABI_MINOR: Final = 0
MAGIC: Final = int.from_bytes(b"SOLQUOTE", "little")
MINT_BYTES: Final = 32
WORD_BYTES: Final = 8

READ_TRIES_MAX: Final = 10
"""Tries of one read before it is BUSY; a writer preempted in mid-write makes any number of tries fail."""
BATCH_ENTRIES_MAX: Final = 256
"""Updates announced by one head store: half the ring, so that one batch never laps a reader."""
SPIN_NS_MAX: Final = 20_000
"""Spin before a wait sleeps in the kernel, and before a BUSY read gives up."""
HEARTBEAT_PERIOD_NS_MAX: Final = 100_000_000
HEARTBEAT_LATE_NS: Final = 3 * HEARTBEAT_PERIOD_NS_MAX
"""A heartbeat older than this, or ahead of now by more than one period (the file outlived a reboot, or its clock is
another's), makes readers ask the kernel whether the writer still holds its lock."""


class Role(IntEnum):
    """Which of the two files: the local service's quotes or the outside providers'."""

    INTERNAL = 0
    EXTERNAL = 1

    @property
    def file_name(self) -> str:
        """Name of the role's file inside the directory both files share."""
        return f"quotes-{self.name.lower()}.mmap"


class State(IntEnum):
    """Life of the file's writer, in the header."""

    INIT = 0
    RECOVERING = 1
    LIVE = 2
    CLOSED = 3
    RETIRED = 4


class Flag(IntFlag):
    """Bits of an entry's `flags`."""

    VALID = 1
    STALE = 2
    ORACLE_PRESENT = 4
    CONFIDENCE_PRESENT = 8
    RECOVERED = 16


class ChangeKind(IntFlag):
    """Bits of a ring slot's `kind`: what the announced write changed."""

    AMOUNTS = 1
    ORACLE = 2
    ROUTE = 4
    IDENTITY = 8
    FLAGS = 16
    EVERYTHING = AMOUNTS | ORACLE | ROUTE | IDENTITY | FLAGS


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its offset inside the record, its type (`u8` .. `u64`, `f64`, `bytes32`) and its name."""

    offset: int
    kind: str
    name: str

    @property
    def size_bytes(self) -> int:
        """Width of the field."""
        return TYPE_SIZES[self.kind]


TYPE_SIZES: Final = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "f64": 8, "bytes32": 32}
STRUCT_CODES: Final = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "f64": "d", "bytes32": "32s"}


@dataclass(frozen=True, slots=True)
class Record:
    """A fixed-size record: `count` of them stand one after the other from `offset` of the file."""

    name: str
    offset: int
    size_bytes: int
    count: int
    fields: tuple[Field, ...]

    @property
    def end_offset(self) -> int:
        """First byte after the region."""
        return self.offset + self.size_bytes * self.count

    @property
    def codec(self) -> struct.Struct:
        """Codec of one record, for private copies only: it must never be pointed at a mapping."""
        return struct.Struct("<" + "".join(STRUCT_CODES[field.kind] for field in self.fields))


HEADER: Final = Record(
    "header",
    0,
    64,
    1,
    (
        Field(0, "u64", "magic"),
        Field(8, "u16", "abi_major"),
        Field(10, "u16", "abi_minor"),
        Field(12, "u32", "layout_crc"),
        Field(16, "u64", "epoch"),
        Field(24, "u64", "head"),  # its low 32 bits are the futex word
        Field(32, "u64", "intent"),
        Field(40, "u64", "heartbeat_ns"),
        Field(48, "u32", "writer_pid"),
        Field(52, "u8", "state"),
        Field(53, "u8", "role"),
        Field(54, "u16", "used"),
        Field(56, "u64", "start_unix_ns"),
    ),
)

SLOT: Final = Record(
    "slot",
    HEADER.end_offset,
    64,
    512,
    (
        Field(0, "u64", "seq"),
        Field(8, "u32", "index"),
        Field(12, "u16", "kind"),
        Field(14, "u8", "source"),
        Field(15, "u8", "flags"),
        Field(16, "u64", "version"),
        Field(24, "u64", "input_amount"),
        Field(32, "u64", "output_amount"),
        Field(40, "u64", "ts_ns"),
        Field(48, "u64", "route_id"),
        Field(56, "u32", "slot"),
        Field(60, "u32", "price_impact_ppm"),
    ),
)

ENTRY: Final = Record(
    "entry",
    SLOT.end_offset,
    128,
    2000,
    (
        Field(0, "u64", "version"),
        Field(8, "u64", "input_amount"),
        Field(16, "u64", "output_amount"),
        Field(24, "u64", "ts_ns"),
        Field(32, "f64", "oracle_price"),
        Field(40, "u64", "route_id"),
        Field(48, "u32", "slot"),
        Field(52, "u16", "dex_id"),
        Field(54, "u8", "source"),
        Field(55, "u8", "flags"),
        Field(56, "u32", "price_impact_ppm"),
        Field(60, "u16", "confidence_bps"),
        Field(62, "u16", "ttl_slots"),
        Field(64, "bytes32", "input_mint"),
        Field(96, "bytes32", "output_mint"),
    ),
)

RECORDS: Final = (HEADER, SLOT, ENTRY)
INDEX_COUNT: Final = ENTRY.count * len(Role)
"""Entries of both files; the external file's indexes follow the internal file's."""
FILE_BYTES: Final = ENTRY.end_offset
SEQUENCE_BITS: Final = 48
"""Low bits of an entry's version that count writes; the bits above them are the identity generation."""
SEQUENCE_MASK: Final = (1 << SEQUENCE_BITS) - 1
HOT_BYTES: Final = 64
"""First line of an entry: all that changes with a quote."""
RECOVERY_SKIP: Final = SLOT.count + 1
"""What a restarted writer adds to head, so that every old cursor counts as lapped and scans."""


def canonical_text() -> str:
    """Every fact a reader's code depends on, one a line, in file order."""
    lines = [f"solquote-shm {ABI_MAJOR} little-endian {FILE_BYTES} sequence-bits {SEQUENCE_BITS}"]
    for record in RECORDS:
        lines.append(f"{record.name} {record.offset} {record.size_bytes} {record.count}")
        lines += [f"{record.name}.{field.name} {field.offset} {field.kind}" for field in record.fields]
    for values in (Role, State, Flag, ChangeKind):
        lines += [f"{values.__name__.lower()}.{value.name} {value.value}" for value in values]
    return "\n".join(lines) + "\n"


LAYOUT_CRC: Final = zlib.crc32(canonical_text().encode())
