"""Stress with separate processes: seeded words, so that an accepted mix of two writes would be seen."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from prove.build import HERE, Edits, of_counts, program, program_without

from shm import CONTRACT, QuoteWriter, Role, TableCounts

PATTERNS = ("same", "random", "identity", "batch")
UNBOUNDED = 0
RATES = (1_000, 100_000, 1_000_000, UNBOUNDED)
MEMORY = Path("/dev/shm")
START_S_MAX = 10.0
"""The reader waits so long for the writer's first batch."""
FLAGS = ("-O3",)
MUTANTS: dict[str, tuple[str, Edits]] = {
    "what is read is checked again": ("same", (("if (sq_load_word(entry) == words[0]) {", "if (1) {"),)),
    "an odd entry is not read": ("same", (("if ((words[0] & 1) == 0) {", "if (1) {"),)),
    "a slot is checked again": (
        "same",
        (("return (copy[0] == expected) & (sq_load_word(slot) == expected);", "return copy[0] == expected;"),),
    ),
    "a set is given up when a batch was on its way": (
        "batch",
        (("== head_before && (int64_t)(intent - head_before) <= 0;", "== head_before; (void)intent;"),),
    ),
    "a batch is told before it is written": (
        "batch",
        (("    sq_store_word(map + SQ_HEADER_INTENT_WORD, head + count);\n", ""),),
    ),
    "an entry is odd while it is written": ("identity", (("    sq_store_word(entry, version | 1);\n", ""),)),
    "the version comes last": (
        "identity",
        (
            (
                "    sq_store_word(entry, version | 1);\n",
                "    sq_store_release(entry, sq_next_version(version, generations));\n",
            ),
        ),
    ),
}
"""Rules of reading and writing: the pattern that shows the want of each soonest, and the headers without it."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one reader process counted; times are of hot reads of one entry, less what timing costs."""

    accepted: int
    torn: int
    busy: int
    lapped: int
    scans: int
    p50_ns: int
    p99_ns: int
    written: int


def numbers(line: str) -> dict[str, int]:
    """Parse `name=number` pairs."""
    return {name: int(number) for name, _, number in (pair.partition("=") for pair in line.split())}


def stress(pattern: str, *, writes_per_s: int, accepted: int, seconds: float, counts: TableCounts = CONTRACT) -> Tally:
    """One writer and one reader process on a fresh table, until so many reads were accepted or the time is over."""
    binary = program(HERE / "stress.c", *FLAGS, *of_counts(counts))
    return _tally(binary, pattern, writes_per_s, accepted, seconds, counts)


def stress_without(rule: str, *, seconds: float) -> Tally:
    """The same with unbounded writes, over headers without a rule, until a read was torn or the time is over."""
    pattern, edits = MUTANTS[rule]
    binary = program_without(edits, HERE / "stress.c", *FLAGS)
    return _tally(binary, pattern, UNBOUNDED, sys.maxsize, seconds, CONTRACT)


def _tally(binary: Path, pattern: str, writes_per_s: int, accepted: int, seconds: float, counts: TableCounts) -> Tally:
    with tempfile.TemporaryDirectory(prefix="solquote-stress-", dir=MEMORY) as directory:
        with QuoteWriter.open(Path(directory), Role.INTERNAL, counts=counts) as made:
            path = str(made.path)
        with subprocess.Popen(
            [binary, path, "write", pattern, str(writes_per_s), str(seconds + START_S_MAX)],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            reader = subprocess.run(
                [binary, path, "read", pattern, str(accepted), str(seconds)],
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            writer.terminate()
            written = writer.communicate()[0]
    return Tally(**numbers(reader.stdout), **numbers(written))
