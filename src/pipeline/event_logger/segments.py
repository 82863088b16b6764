"""The journal's files: their names, their order, and the records in one of them.

A journal is a folder of segments, `00000000000000000000.journal`, named by the index of their first record. Every
segment begins with a SEGMENT record that holds each stream's position, so that a writer finds its place by reading
the last file alone, and old files can go without the rest losing its meaning.
"""

import contextlib
import json
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.event_logger.record import JournalRecord, Kind, Unreadable, decode

__all__ = [
    "DAMAGED_SUFFIX",
    "TORN_SUFFIX",
    "JournalFinding",
    "Position",
    "contains",
    "positions_after",
    "positions_json",
    "records",
    "segment_path",
    "segments",
]

_SUFFIX = ".journal"

TORN_SUFFIX = ".torn"
"""The end of a file that a crash left half written, cut off and kept."""

DAMAGED_SUFFIX = ".damaged"
"""A file whose very first record was changed, set aside."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream has been written down: the stream's creation time tells one life of it from the next."""

    created: str
    sequence: int


@dataclass(frozen=True, slots=True)
class JournalFinding:
    """Something in a segment that is not as it should be."""

    path: Path
    offset: int
    rule: str
    torn: bool = False

    def __str__(self) -> str:
        return f"{self.path.name} at byte {self.offset}: {self.rule}"


def segment_path(directory: Path, first_index: int) -> Path:
    """Name the segment that begins with record `first_index`."""
    return directory / f"{first_index:020}{_SUFFIX}"


def segments(directory: Path) -> Sequence[Path]:
    """All segments, oldest first."""
    return sorted(directory.glob(f"{'[0-9]' * 20}{_SUFFIX}"))


def records(path: Path) -> Iterator[tuple[int, JournalRecord] | JournalFinding]:
    """Yield each record with its offset; the first that cannot be read ends the file with a finding."""
    with _mapped(path) as mapped, memoryview(mapped) as view:
        offset = 0
        while offset < len(view):
            with view[offset:] as rest:
                try:
                    record, size_bytes = decode(rest)
                except Unreadable as error:
                    finding = JournalFinding(path, offset, error.rule, torn=error.torn)
                    break
            yield offset, record
            offset += size_bytes
        else:
            return
    yield finding


def contains(path: Path, part: bytes) -> bool:
    """Whether the file has these bytes anywhere."""
    with _mapped(path) as mapped:
        return mapped.find(part) >= 0


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    """What a file holds; nothing for one that the writer has just removed, being the oldest."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield b""
        return
    with file:
        if os.fstat(file.fileno()).st_size == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped


def positions_json(positions: Mapping[str, Position]) -> bytes:
    """The payload of a SEGMENT record."""
    return json.dumps({name: [each.created, each.sequence] for name, each in sorted(positions.items())}).encode()


def positions_after(record: JournalRecord, positions: Mapping[str, Position]) -> dict[str, Position]:
    """Where the streams stand once `record` is written."""
    match record.kind:
        case Kind.SEGMENT:
            held = json.loads(record.payload)
            return {name: Position(created, sequence) for name, (created, sequence) in held.items()}
        case Kind.STREAM:
            return {**positions, record.stream: Position(record.payload.decode(), record.sequence - 1)}
        case Kind.GAP:
            return {**positions, record.stream: Position(positions[record.stream].created, record.sequence - 1)}
        case Kind.EVENT:
            return {**positions, record.stream: Position(positions[record.stream].created, record.sequence)}
