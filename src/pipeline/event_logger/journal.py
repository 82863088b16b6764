"""The writer of the journal: append, start a new file when one is full, and take up again after a crash.

One writer a folder, held by a lock on it. A record is in the page cache once `append` returns, so that it outlives
this process; it outlives a power failure after the next `sync`, and what a power failure takes is read from the
streams again, because the journal itself is the record of how far each stream has been read.

A write that fails leaves this object behind the file: leave it, and open the journal again, as after a crash. The same
when its files were taken away, which no write would tell: `check_in_place`.
"""

import errno
import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from pipeline.event_logger.record import GENESIS, JournalRecord, Kind, encode
from pipeline.event_logger.segments import (
    DAMAGED_SUFFIX,
    TORN_SUFFIX,
    JournalFinding,
    Position,
    positions_after,
    positions_json,
    records,
    segment_path,
    segments,
)
from quote_core.errors import ProviderUnavailable
from quote_core.files import owner_alone

__all__ = ["Journal", "JournalBounds", "Recovery"]


@dataclass(frozen=True, slots=True)
class JournalBounds:
    """How much the journal may hold; past it the oldest whole segment goes."""

    segment_bytes_max: int
    segment_count_max: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found when the journal was opened."""

    record_count: int = 0
    """In the last segment."""
    torn_bytes: int = 0
    """Cut from the end of it, and kept beside it as `.torn`."""
    damage: JournalFinding | None = None
    """A record that was changed: its segment is left as it is, and a new one begun."""


class Journal:
    """An open journal; use as a context manager."""

    def __init__(self, directory: Path, *, bounds: JournalBounds) -> None:
        self._directory = directory
        self._bounds = bounds
        self._file: IO[bytes] | None = None
        self._size_bytes = 0
        self._unsynced = False
        self._lock: IO[bytes] | None = None
        self._positions: dict[str, Position] = {}
        self._next_index = 0
        self._head = GENESIS
        self.recovery = Recovery()
        self.removed_segment_count = 0

    def __enter__(self) -> Self:
        """Open the folder, repair its end, and find every stream's position.

        Raises:
            ProviderUnavailable: Another process writes this journal.
            OSError: The folder cannot be read or written.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = open(self._directory / "lock", "ab", opener=owner_alone)
        try:
            self._hold_lock()
            self._recover()
        except BaseException:
            self._lock.close()
            raise
        return self

    def _hold_lock(self) -> None:
        assert self._lock is not None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProviderUnavailable(str(self._directory), "another process writes this journal") from None

    def __exit__(self, *_: object) -> None:
        assert self._lock is not None
        try:
            self.sync()
        finally:
            self._lock.close()
            if self._file is not None:
                self._file.close()

    @property
    def positions(self) -> Mapping[str, Position]:
        """Last sequence written of each stream."""
        return self._positions

    @property
    def record_count(self) -> int:
        """Records ever written, those of removed segments included."""
        return self._next_index

    @property
    def head(self) -> bytes:
        """Hash of the last record: whoever keeps it elsewhere can tell a journal rewritten as a whole."""
        return self._head

    def append(
        self, *, stream: str, created: str, sequence: int, subject: str, stored_unix_ns: int, payload: bytes
    ) -> bool:
        """Write one event down; False when it was written before.

        Args:
            stream: The stream's name.
            created: When the stream was created, as the server says it; another than before means that its sequences
                begin anew.
            sequence: The event's place in the stream; a place skipped is written down as a gap.
            subject: The event's subject.
            stored_unix_ns: When the stream stored it.
            payload: The event's bytes.
        """
        position = self._positions.get(stream)
        if position is None or position.created != created:
            self._write(Kind.STREAM, stream, sequence=1, payload=created.encode(), stored_unix_ns=stored_unix_ns)
            position = self._positions[stream]
        if sequence <= position.sequence:
            return False
        if sequence > position.sequence + 1:
            missing = {"first": position.sequence + 1, "last": sequence - 1}
            self._write(
                Kind.GAP, stream, sequence=sequence, payload=json.dumps(missing).encode(), stored_unix_ns=stored_unix_ns
            )
        self._write(
            Kind.EVENT, stream, sequence=sequence, subject=subject, payload=payload, stored_unix_ns=stored_unix_ns
        )
        return True

    def sync(self) -> None:
        """Make all that was appended outlive a power failure."""
        if self._file is not None and self._unsynced:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._unsynced = False

    def unsynced_descriptor(self) -> int | None:
        """A descriptor to sync from another thread, which must close it; `None` when nothing was appended since."""
        if self._file is None or not self._unsynced:
            return None
        self._file.flush()
        self._unsynced = False
        return os.dup(self._file.fileno())

    def check_in_place(self) -> None:
        """Look whether what is written still goes to the files of these names; a deleted file takes writes for ever.

        Raises:
            FileNotFoundError: The lock or the open segment was removed, or others are in their place.
            OSError: The folder cannot be read.
        """
        for file in (self._lock, self._file):
            if file is not None and not _is_in_place(file):
                raise FileNotFoundError(errno.ENOENT, "removed or replaced while it was written", file.name)

    def flush(self) -> None:
        """Hand all that was appended to the kernel, so that it outlives this process."""
        if self._file is not None:
            self._file.flush()

    def _write(
        self, kind: Kind, stream: str, *, sequence: int, payload: bytes, stored_unix_ns: int, subject: str = ""
    ) -> None:
        if self._file is None or self._size_bytes >= self._bounds.segment_bytes_max:
            self._begin_segment(stored_unix_ns)
        self._put(
            JournalRecord(
                kind=kind,
                index=self._next_index,
                stream=stream,
                subject=subject,
                sequence=sequence,
                stored_unix_ns=stored_unix_ns,
                payload=payload,
                previous=self._head,
            )
        )

    def _put(self, record: JournalRecord) -> None:
        assert self._file is not None
        data, self._head = encode(record)
        self._file.write(data)
        self._size_bytes += len(data)
        self._next_index += 1
        self._unsynced = True
        self._positions = positions_after(record, self._positions)

    def _begin_segment(self, stored_unix_ns: int) -> None:
        if self._file is not None:
            self.sync()
            self._file.close()
        path = segment_path(self._directory, self._next_index)
        self._file = open(path, "xb", opener=owner_alone)  # noqa: SIM115  # closed by `__exit__`
        self._size_bytes = 0
        opening = JournalRecord(
            kind=Kind.SEGMENT,
            index=self._next_index,
            stream="",
            subject="",
            sequence=0,
            stored_unix_ns=stored_unix_ns,
            payload=positions_json(self._positions),
            previous=self._head,
        )
        self._put(opening)
        self.sync()
        _sync_directory(self._directory)
        for old in segments(self._directory)[: -self._bounds.segment_count_max]:
            old.unlink()
            self.removed_segment_count += 1

    def _recover(self) -> None:
        """Take up behind the last readable record; a start on an empty folder is the same path with nothing in it."""
        for path in reversed(segments(self._directory)):
            if self._take_up(path):
                return

    def _take_up(self, path: Path) -> bool:
        record_count, finding = 0, None
        for item in records(path):
            if isinstance(item, JournalFinding):
                finding = item
                break
            _, record = item
            self._positions = positions_after(record, self._positions)
            self._next_index, self._head = record.index + 1, record.digest
            record_count += 1
        torn_bytes = _cut(finding) if finding is not None and finding.torn else 0
        damage = finding if finding is not None and not finding.torn else None
        self.recovery = Recovery(
            record_count=record_count,
            torn_bytes=self.recovery.torn_bytes + torn_bytes,
            damage=self.recovery.damage or damage,
        )
        if record_count == 0:
            if damage is None:
                path.unlink()
            else:
                path.rename(path.with_suffix(DAMAGED_SUFFIX))
            return False
        if damage is None:
            self._file = path.open("ab")
            self._size_bytes = path.stat().st_size
        return True


def _is_in_place(file: IO[bytes]) -> bool:
    """Whether an open file is still the one of its name."""
    try:
        there = Path(file.name).stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(file.fileno()))


def _cut(finding: JournalFinding) -> int:
    """Take the bytes of a write that did not end off the file, and keep them beside it."""
    with finding.path.open("r+b") as file:
        file.seek(finding.offset)
        torn = file.read()
        with open(finding.path.with_suffix(TORN_SUFFIX), "wb", opener=owner_alone) as kept:
            kept.write(torn)
        file.truncate(finding.offset)
        os.fsync(file.fileno())
    return len(torn)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
