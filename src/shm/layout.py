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
from dataclasses import dataclass, replace
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

SIZED_MAGIC: Final = int.from_bytes(b"SOLQSIZE", "little")
"""Instead of `MAGIC` in a file of other counts, which has one more line of header: `COUNTS`, then ring and entries."""
ENTRY_COUNT_MAX: Final = 65_535
"""`used` has 16 bits."""
SLOT_COUNT_MIN: Final = 512
"""Twice a batch, so that no batch of any file laps a reader."""
SLOT_COUNT_MAX: Final = 65_536

COUNTS: Final = Record(
    "counts",
    HEADER.end_offset,
    64,
    1,
    (
        Field(0, "u32", "entries"),
        Field(4, "u32", "slots"),
        *(Field(offset, "u64", f"reserved_{offset}") for offset in range(8, 64, 8)),
    ),
)
INDEX_COUNT: Final = ENTRY.count * len(Role)
"""Entries of both files; the external file's indexes follow the internal file's."""
SIZED_INDEX_STRIDE: Final = 65_536
"""Entries of a file of other counts have their indexes from here on, those of the external file from twice this on."""
FILE_BYTES: Final = ENTRY.end_offset
SEQUENCE_BITS: Final = 48
"""Low bits of an entry's version that count writes; the bits above them are the identity generation."""
SEQUENCE_MASK: Final = (1 << SEQUENCE_BITS) - 1
HOT_BYTES: Final = 64
"""First line of an entry: all that changes with a quote."""
RECOVERY_SKIP: Final = SLOT.count + 1
"""What a restarted writer adds to head, so that every old cursor counts as lapped and scans."""


@dataclass(frozen=True, slots=True)
class TableCounts:
    """How many entries and ring slots a file has, and all that follows from it."""

    entries: int = ENTRY.count
    slots: int = SLOT.count

    def fault(self) -> tuple[str, str] | None:
        """Which of the two cannot be (`entries` or `slots`), and the rule it breaks; None when both can."""
        if not 1 <= self.entries <= ENTRY_COUNT_MAX:
            return "entries", f"must be 1 to {ENTRY_COUNT_MAX}"
        if not SLOT_COUNT_MIN <= self.slots <= SLOT_COUNT_MAX or self.slots & (self.slots - 1):
            return "slots", f"must be a power of two, {SLOT_COUNT_MIN} to {SLOT_COUNT_MAX}"
        return None

    @property
    def is_contract(self) -> bool:
        """Whether the file is of the layout alone, without a second header line."""
        return self.entries == ENTRY.count and self.slots == SLOT.count

    @property
    def slot(self) -> Record:
        """The ring."""
        return replace(SLOT, offset=HEADER.end_offset if self.is_contract else COUNTS.end_offset, count=self.slots)

    @property
    def entry(self) -> Record:
        """The entries, behind the ring."""
        return replace(ENTRY, offset=self.slot.end_offset, count=self.entries)

    @property
    def file_bytes(self) -> int:
        """Size of the file."""
        return self.entry.end_offset

    def first_index(self, role: Role) -> int:
        """Index of the file's first entry, as a reader of both files numbers them."""
        return role * ENTRY.count if self.is_contract else (role + 1) * SIZED_INDEX_STRIDE


CONTRACT: Final = TableCounts()


def counts_of(image: bytes) -> TableCounts:
    """The counts of a file image, which is a table's: the layout's, or what its second header line says."""
    magic, *_ = HEADER.codec.unpack_from(image)
    if magic != SIZED_MAGIC:
        return CONTRACT
    entries, slots, *_ = COUNTS.codec.unpack_from(image, COUNTS.offset)
    return TableCounts(entries, slots)


def role_of_index(index: int) -> Role:
    """Which file's entry a reader calls by that index."""
    return Role(index >= ENTRY.count) if index < SIZED_INDEX_STRIDE else Role(index // SIZED_INDEX_STRIDE - 1)


def row_of_index(index: int) -> int:
    """Which entry of its file that is."""
    return index % (ENTRY.count if index < SIZED_INDEX_STRIDE else SIZED_INDEX_STRIDE)


def canonical_text() -> str:
    """Every fact a reader's code depends on, one a line, in file order."""
    head = f"solquote-shm {ABI_MAJOR} little-endian {FILE_BYTES} sequence-bits {SEQUENCE_BITS}"
    return text_of(head, {record: f"{record.offset} {record.size_bytes} {record.count}" for record in RECORDS})


def sized_text() -> str:
    """The same for a file of other counts, which stand for themselves."""
    head = f"solquote-shm {ABI_MAJOR} little-endian sized sequence-bits {SEQUENCE_BITS}"
    places = {
        HEADER: f"{HEADER.offset} {HEADER.size_bytes} 1",
        COUNTS: f"{COUNTS.offset} {COUNTS.size_bytes} 1",
        SLOT: f"{COUNTS.end_offset} {SLOT.size_bytes} slots",
        ENTRY: f"{COUNTS.end_offset}+{SLOT.size_bytes}*slots {ENTRY.size_bytes} entries",
    }
    return text_of(head, places)


def text_of(head: str, places: dict[Record, str]) -> str:
    """The first line, the records at their places, and the values of every enumeration."""
    lines = [head]
    for record, place in places.items():
        lines.append(f"{record.name} {place}")
        lines += [f"{record.name}.{field.name} {field.offset} {field.kind}" for field in record.fields]
    for values in (Role, State, Flag, ChangeKind):
        lines += [f"{values.__name__.lower()}.{value.name} {value.value}" for value in values]
    return "\n".join(lines) + "\n"


LAYOUT_CRC: Final = zlib.crc32(canonical_text().encode())
SIZED_LAYOUT_CRC: Final = zlib.crc32(sized_text().encode())
