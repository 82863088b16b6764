"""Stop the reader after each load of a poll in turn, lap it there, and compare what its caller is told."""

import subprocess
from pathlib import Path

from prove.build import HERE, Edits, of_counts, program, program_without

from shm.layout import CONTRACT, TableCounts

CHANGED = 100
TOLD = ("indexes", "values")
"""What the poll is asked for: `sq_poll` and then a read of each entry, or `sq_poll_changes` alone."""
SIZES = (CONTRACT, TableCounts(1_000, 512), TableCounts(2_000, 1_024))
"""Tables: the layout's counts, and others."""
LARGEST = TableCounts(65_535, 512)
"""As many entries as there can be; its scans take a minute, so it is for the long proofs."""

MUTANTS: dict[str, Edits] = {
    "a scan begins the list anew": (
        (
            "return sq_scan(map, shape, follower, changed, changes, count);",
            "return sq_scan(map, shape, follower, changed, changes, 0);",
        ),
    ),
    "the cursor is taken after the scan": (
        ("    follower->cursor = sq_head(map);\n    follower->scans++;", "    follower->scans++;"),
        (
            "    return count;\n}\n\nSQ_FOLDED uint32_t sq_poll_into",
            "    follower->cursor = sq_head(map);\n    return count;\n}\n\nSQ_FOLDED uint32_t sq_poll_into",
        ),
    ),
    "the slot is not checked again": (
        ("return (copy[0] == expected) & (sq_load_word(slot) == expected);", "return copy[0] == expected;"),
    ),
    "a scan keeps the values the ring told": (
        (
            "            version = sq_change_of_entry(",
            "            if (enters) version = sq_change_of_entry(",
        ),
    ),
    "an earlier kind is forgotten": (("enters ? 0 : change->kind;", "enters ? 0 : 0;"),),
}
"""Rules of a poll by what breaks without each."""


def lapped(binary: Path, laps: int, told: str) -> subprocess.CompletedProcess[str]:
    """Run every stop of one lap length; exit 1 names what was missed."""
    return subprocess.run(
        [str(binary), str(CHANGED), str(laps), told], capture_output=True, text=True, check=False, timeout=600
    )


def laps_of(counts: TableCounts = CONTRACT) -> tuple[int, ...]:
    """Publishes in mid-poll: up to, at and beyond those that overwrite the slot the poll is about to read."""
    edge = counts.slots - CHANGED
    return (1, edge - 1, edge, edge + 1, edge + 188, 4 * counts.slots - 48)


CASES = tuple((counts, laps) for counts in SIZES for laps in laps_of(counts))


def loses_changes(rule: str, counts: TableCounts = CONTRACT) -> bool:
    """Whether anything is missed, at any lap length, by a poll without the rule."""
    binary = program_without(MUTANTS[rule], HERE / "lap.c", "-O2", *of_counts(counts))
    return any(lapped(binary, laps, told).returncode == 1 for told in TOLD for laps in laps_of(counts))


def reader(counts: TableCounts = CONTRACT) -> Path:
    """The program over the package's header, of a table of those counts."""
    return program(HERE / "lap.c", "-O2", *of_counts(counts))
