"""Stop the reader after each load of a poll in turn, lap it there, and compare what its caller is told."""

import shutil
import subprocess
from pathlib import Path

from prove.build import COMPILER, HEADERS, HERE, WARNINGS, output_directory, program

CHANGED = 100
LAPS = (1, 411, 412, 413, 600, 2_000)
"""Publishes in mid-poll: up to, at and beyond those that overwrite the slot the poll is about to read."""

MUTANTS = {
    "a scan begins the list anew": (
        "return sq_scan(map, follower, changed, count);",
        "return sq_scan(map, follower, changed, 0);",
    ),
    "the cursor is taken after the scan": (
        "    follower->cursor = sq_head(map);\n    follower->scans++;",
        "    follower->scans++;",
    ),
    "the slot is not checked again": (
        "return (copy[0] == expected) & (sq_load_word(slot) == expected);",
        "return copy[0] == expected;",
    ),
}
"""Rules of `sq_poll` by what breaks without each: text of the header, and what stands there instead."""


def lapped(binary: Path, laps: int) -> subprocess.CompletedProcess[str]:
    """Run every stop of one lap length; exit 1 names what was missed."""
    return subprocess.run(
        [str(binary), str(CHANGED), str(laps)], capture_output=True, text=True, check=False, timeout=60
    )


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
            "    return count;\n}\n\n/* Indexes changed",
            "    follower->cursor = sq_head(map);\n    return count;\n}\n\n/* Indexes changed",
        )
    (folder / "solquote_shm.h").write_text(changed)
    shutil.copy(HEADERS / "publish.h", folder)
    target = folder / "lap"
    subprocess.run([COMPILER, *WARNINGS, "-O2", f"-I{folder}", str(HERE / "lap.c"), "-o", str(target)], check=True)
    return target
