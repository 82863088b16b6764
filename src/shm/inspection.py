"""Look at a table from outside: what `solquote shm inspect` shows and `solquote shm verify` checks.

Both work on an image copied by the protocol, entry by entry, so they may be run beside a live writer.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shm import reference
from shm.errors import ImpossibleState
from shm.layout import HEARTBEAT_PERIOD_NS_MAX, Flag, Role, State
from shm.table import Table
from shm.values import Liveness

CLOCK_SKEW_NS_MAX = 5_000_000_000
"""A quote from further in the future than this has a wrong time stamp."""
CONFIDENCE_BPS_MAX = 10_000
KNOWN_FLAGS = sum(Flag)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """What a file holds and how its writer is."""

    path: Path
    role: Role
    state: State
    liveness: Liveness
    heartbeat_age_ns: int
    writer_pid: int
    epoch: int
    head: int
    intent: int
    start_unix_ns: int
    entry_count: int
    used: int
    assigned: int
    """Entries that belong to a pair."""
    valid: int
    stale: int
    recovered: int
    """Entries whose content was lost with a killed writer and not published again yet."""
    being_written: int
    ring_slots: int
    ring_readable: int
    """Announcements a reader could still take from the ring."""
    newest_ts_ns: int
    """Time of the newest quote; zero without one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One impossible value."""

    where: str
    rule: str
    value: object


def inspect(path: Path) -> TableReport:
    """Report on one file.

    Raises:
        NotThereYet: No file.
        WrongFile: Not a table of this build; the subclass says why.
    """
    table = Table(path, role_of(path))
    image = reference.decode(table.image())
    header, entries = image.header, image.entries
    if header["state"] not in list(State):
        raise ImpossibleState(path, header["state"])
    flags = [Flag(entry["flags"]) for entry in entries]
    return TableReport(
        path=path,
        role=role_of(path),
        state=State(header["state"]),
        liveness=table.liveness(),
        heartbeat_age_ns=time.monotonic_ns() - header["heartbeat_ns"],
        writer_pid=header["writer_pid"],
        epoch=header["epoch"],
        head=header["head"],
        intent=header["intent"],
        start_unix_ns=header["start_unix_ns"],
        entry_count=image.counts.entries,
        used=header["used"],
        assigned=sum(any(entry["input_mint"]) for entry in entries),
        valid=sum(Flag.VALID in flag for flag in flags),
        stale=sum(Flag.STALE in flag for flag in flags),
        recovered=sum(Flag.RECOVERED in flag for flag in flags),
        being_written=sum(entry["version"] & 1 for entry in entries),
        ring_slots=image.counts.slots,
        ring_readable=sum(is_announcement(slot, image) for slot in image.slots),
        newest_ts_ns=max(entry["ts_ns"] for entry in entries),
    )


def verify(path: Path) -> list[Finding]:
    """Scan one file for values no correct writer leaves; an empty list is a clean table.

    Raises:
        NotThereYet: No file.
        WrongFile: Not a table of this build; the subclass says why.
    """
    table = Table(path, role_of(path))
    image = reference.decode(table.image())
    return [
        *header_findings(image, role_of(path)),
        *entry_findings(image, writer_lives=table.liveness() is Liveness.LIVE),
        *duplicate_findings(image),
        *slot_findings(image),
    ]


def role_of(path: Path) -> Role:
    """Role a file has by its name; internal for any other name."""
    return Role.EXTERNAL if path.name == Role.EXTERNAL.file_name else Role.INTERNAL


def is_announcement(slot: dict[str, Any], image: reference.Image) -> bool:
    """Whether a reader that is not lapped could take the slot."""
    sequence, head = slot["seq"] // 2 - 1, image.header["head"]
    return bool(slot["seq"]) and slot["seq"] % 2 == 0 and head - image.counts.slots <= sequence < head


def header_findings(image: reference.Image, role: Role) -> Iterator[Finding]:
    """Check the header."""
    header, counts = image.header, image.counts
    if header["state"] not in list(State):
        yield Finding("header.state", "is a known state", header["state"])
    if header["role"] != role:
        yield Finding("header.role", f"is {role.value}, as the file's name says", header["role"])
    if header["used"] > counts.entries:
        yield Finding("header.used", f"is at most {counts.entries}", header["used"])
    if header["epoch"] == 0:
        yield Finding("header.epoch", "counts from 1", header["epoch"])
    if header["heartbeat_ns"] > time.monotonic_ns() + HEARTBEAT_PERIOD_NS_MAX:
        yield Finding("header.heartbeat_ns", "is not ahead of this host's monotonic clock", header["heartbeat_ns"])
    if header["intent"] > header["head"] + counts.slots + 1:
        yield Finding("header.intent", "is at most one ring ahead of head", header["intent"])


def entry_findings(image: reference.Image, *, writer_lives: bool) -> Iterator[Finding]:
    """Check every entry by itself."""
    now_ns = time.time_ns()
    for index, entry in enumerate(image.entries):
        if entry["version"] & 1:
            if not writer_lives:
                yield Finding(f"entry {index} version", "is even once its writer is gone", entry["version"])
            continue
        if index >= image.header["used"] and entry["version"]:
            yield Finding(f"entry {index} version", "is zero beyond header.used", entry["version"])
        if entry["flags"] & ~KNOWN_FLAGS:
            yield Finding(f"entry {index} flags", "has known bits only", entry["flags"])
        if entry["confidence_bps"] > CONFIDENCE_BPS_MAX:
            yield Finding(f"entry {index} confidence_bps", f"is at most {CONFIDENCE_BPS_MAX}", entry["confidence_bps"])
        if not entry["flags"] & Flag.VALID:
            continue
        if entry["input_amount"] == 0:
            yield Finding(f"entry {index} input_amount", "is not zero in a quote", 0)
        if not any(entry["input_mint"]) or entry["input_mint"] == entry["output_mint"]:
            yield Finding(f"entry {index} mints", "name two different tokens", entry["input_mint"].hex())
        if bool(entry["flags"] & Flag.ORACLE_PRESENT) is math.isnan(entry["oracle_price"]):
            yield Finding(f"entry {index} oracle_price", "is a number exactly when flagged", entry["oracle_price"])
        if entry["ts_ns"] > now_ns + CLOCK_SKEW_NS_MAX:
            yield Finding(f"entry {index} ts_ns", "is not in the future", entry["ts_ns"])


def duplicate_findings(image: reference.Image) -> Iterator[Finding]:
    """Check that no two valid entries stand for the same pair and amount."""
    first: dict[tuple[bytes, bytes, int], int] = {}
    for index, entry in enumerate(image.entries):
        if entry["flags"] & Flag.VALID:
            other = first.setdefault((entry["input_mint"], entry["output_mint"], entry["input_amount"]), index)
            if other != index:
                yield Finding(f"entry {index}", "is the only one of its pair and amount", f"also entry {other}")


def slot_findings(image: reference.Image) -> Iterator[Finding]:
    """Check that every announcement is in its place and not ahead of its entry."""
    for position, slot in enumerate(image.slots):
        if slot["seq"] == 0 or slot["seq"] & 1:
            continue
        if (slot["seq"] // 2 - 1) % image.counts.slots != position:
            yield Finding(f"slot {position} seq", "belongs to its position", slot["seq"])
        if slot["index"] >= image.counts.entries:
            yield Finding(f"slot {position} index", f"is below {image.counts.entries}", slot["index"])
        elif is_announcement(slot, image):
            version = image.entries[slot["index"]]["version"]
            if reference.write_count(slot["version"]) > reference.write_count(version):
                yield Finding(f"slot {position} version", f"is not ahead of entry {slot['index']}", slot["version"])
