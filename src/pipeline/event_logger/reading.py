"""Read a journal back, also while it is written: verify that nothing is missing or changed, replay what matches."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.event_logger.record import GENESIS, JournalRecord, Kind
from pipeline.event_logger.segments import (
    DAMAGED_SUFFIX,
    JournalFinding,
    Position,
    contains,
    positions_after,
    records,
    segments,
)

__all__ = ["Entry", "Verification", "entries_with", "replay", "subject_matches", "verify"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the journal, as the stream stored it."""

    index: int
    stream: str
    subject: str
    sequence: int
    stored_unix_ns: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found."""

    first_index: int
    record_count: int
    event_count: int
    missed: tuple[str, ...]
    """Events that a stream had dropped before the logger could read them, as the journal itself says."""
    findings: tuple[JournalFinding, ...]
    """Records changed, removed or inserted; empty = the chain holds."""
    is_unfinished: bool
    """Whether the newest file ends inside a record: the logger is writing it, or died and will mend it."""
    head: bytes
    """Hash of the last whole record."""

    @property
    def is_intact(self) -> bool:
        """Whether the chain holds."""
        return not self.findings


def verify(directory: Path) -> Verification:
    """Check every hash, link, index and stream sequence, from the oldest file kept to the newest."""
    check = _Check()
    for path in segments(directory):
        check.segment(path)
    last = check.findings[-1] if check.findings else None
    is_unfinished = last is not None and last.torn and last.path == segments(directory)[-1]
    if is_unfinished:
        check.findings.pop()
    for path in sorted(directory.glob(f"*{DAMAGED_SUFFIX}")):
        check.findings.append(JournalFinding(path, 0, "set aside: its first record was changed"))
    return Verification(
        first_index=check.first_index or 0,
        record_count=check.record_count,
        event_count=check.event_count,
        missed=tuple(check.missed),
        findings=tuple(check.findings),
        is_unfinished=is_unfinished,
        head=check.head,
    )


class _Check:
    """Walks the records in order; what it holds is what the next record must fit."""

    def __init__(self) -> None:
        self.first_index: int | None = None
        self.record_count = 0
        self.event_count = 0
        self.missed: list[str] = []
        self.findings: list[JournalFinding] = []
        self.head = GENESIS
        self._next_index = 0
        self._positions: dict[str, Position] = {}

    def segment(self, path: Path) -> None:
        for item in records(path):
            if isinstance(item, JournalFinding):
                self.findings.append(item)
                return
            offset, record = item
            rule = self._broken_rule(record)
            if rule is not None:
                self.findings.append(JournalFinding(path, offset, rule))
            self._take(record)

    def _broken_rule(self, record: JournalRecord) -> str | None:
        if self.first_index is None and record.kind is Kind.SEGMENT:
            return None  # the oldest file kept; what came before it was removed by the bound, or never was
        if record.index != self._next_index:
            return f"record {record.index} follows record {self._next_index - 1}"
        if record.previous != self.head:
            return f"record {record.index} is not linked to the one before"
        if record.kind is Kind.EVENT:
            expected = self._positions[record.stream].sequence + 1 if record.stream in self._positions else None
            if record.sequence != expected:
                return f"{record.stream} sequence {record.sequence} stands where {expected} belongs"
        return None

    def _take(self, record: JournalRecord) -> None:
        if self.first_index is None:
            self.first_index = record.index
        self.record_count += 1
        self.head, self._next_index = record.digest, record.index + 1
        if record.kind is Kind.SEGMENT or record.stream in self._positions or record.kind is Kind.STREAM:
            self._positions = positions_after(record, self._positions)
        if record.kind is Kind.EVENT:
            self.event_count += 1
        elif record.kind is Kind.GAP:
            gap = json.loads(record.payload)
            self.missed.append(f"{record.stream} {gap['first']} to {gap['last']}")


def replay(
    directory: Path, *, subject: str = ">", since_unix_ns: int = 0, until_unix_ns: int | None = None
) -> Iterator[Entry]:
    """Yield the events that match, oldest first; stops at the first record of a file that cannot be read.

    Args:
        directory: The journal's folder.
        subject: As in NATS: `*` is one part, `>` all that follow.
        since_unix_ns: Stored at or after.
        until_unix_ns: Stored before.
    """
    for path in segments(directory):
        for item in records(path):
            if isinstance(item, JournalFinding):
                break
            record = item[1]
            if (
                record.kind is Kind.EVENT
                and record.stored_unix_ns >= since_unix_ns
                and (until_unix_ns is None or record.stored_unix_ns < until_unix_ns)
                and subject_matches(subject, record.subject)
            ):
                yield _entry(record)


def entries_with(directory: Path, part: bytes) -> Iterator[Entry]:
    """Yield the events whose payload has `part` somewhere, newest file first; a file without it is not decoded."""
    for path in reversed(segments(directory)):
        if not contains(path, part):
            continue
        for item in records(path):
            if isinstance(item, JournalFinding):
                break
            if item[1].kind is Kind.EVENT and part in item[1].payload:
                yield _entry(item[1])


def _entry(record: JournalRecord) -> Entry:
    return Entry(
        index=record.index,
        stream=record.stream,
        subject=record.subject,
        sequence=record.sequence,
        stored_unix_ns=record.stored_unix_ns,
        payload=record.payload,
    )


def subject_matches(pattern: str, subject: str) -> bool:
    """Whether `subject` fits a NATS subject pattern."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(given) >= len(wanted) and _parts_match(wanted[:-1], given)
    return len(given) == len(wanted) and _parts_match(wanted, given)


def _parts_match(wanted: list[str], given: list[str]) -> bool:
    return all(part in ("*", other) for part, other in zip(wanted, given, strict=False))
