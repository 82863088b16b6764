"""Stop the reader after each load of a poll in turn, lap it there, and compare what its caller is told."""

import shutil
import subprocess
from pathlib import Path

from prove.build import COMPILER, HEADERS, HERE, WARNINGS, output_directory, program

CHANGED = 100
TOLD = ("indexes", "values")
"""What the poll is asked for: `sq_poll` and then a read of each entry, or `sq_poll_changes` alone."""
LAPS = (1, 411, 412, 413, 600, 2_000)
"""Publishes in mid-poll: up to, at and beyond those that overwrite the slot the poll is about to read."""

MUTANTS = {
    "a scan begins the list anew": (
        "return sq_scan(map, follower, changed, changes, count);",
        "return sq_scan(map, follower, changed, changes, 0);",
    ),
    "the cursor is taken after the scan": (
        "    follower->cursor = sq_head(map);\n    follower->scans++;",
        "    follower->scans++;",
    ),
    "the slot is not checked again": (
        "return (copy[0] == expected) & (sq_load_word(slot) == expected);",
        "return copy[0] == expected;",
    ),
    "a scan keeps the values the ring told": (
        "            version = sq_change_of_entry(",
        "            if (enters) version = sq_change_of_entry(",
    ),
    "an earlier kind is forgotten": (
        "enters ? 0 : change->kind;",
        "enters ? 0 : 0;",
    ),
}
"""Rules of a poll by what breaks without each: text of the header, and what stands there instead."""


def lapped(binary: Path, laps: int, told: str) -> subprocess.CompletedProcess[str]:
    """Run every stop of one lap length; exit 1 names what was missed."""
    return subprocess.run(
        [str(binary), str(CHANGED), str(laps), told], capture_output=True, text=True, check=False, timeout=60
    )


def loses_changes(rule: str) -> bool:
    """Whether anything is missed, at any lap length, by a poll without the rule."""
    binary = mutant(rule)
    return any(lapped(binary, laps, told).returncode == 1 for told in TOLD for laps in LAPS)


def reader() -> Path:
    """The program over the package's header."""
    return program(HERE / "lap.c", "-O2")


def mutant(name: str) -> Path:
    """The program over a header that lacks one rule."""
    here, there = MUTANTS[name]
    folder = output_directory() / f"mutant-{abs(hash(name))}"
    folder.mkdir(exist_ok=True)
    header = (HEADERS / "solquote_shm.h").read_text()
    assert header.count(here) == 1, here
    changed = header.replace(here, there)
    if "after the scan" in name:
        changed = changed.replace(
            "    return count;\n}\n\nSQ_FOLDED uint32_t sq_poll_into",
            "    follower->cursor = sq_head(map);\n    return count;\n}\n\nSQ_FOLDED uint32_t sq_poll_into",
        )
    (folder / "solquote_shm.h").write_text(changed)
    shutil.copy(HEADERS / "publish.h", folder)
    target = folder / "lap"
    subprocess.run([COMPILER, *WARNINGS, "-O2", f"-I{folder}", str(HERE / "lap.c"), "-o", str(target)], check=True)
    return target
