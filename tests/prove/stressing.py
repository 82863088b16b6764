"""Stress with separate processes: seeded words, so that an accepted mix of two writes would be seen."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from prove.build import HERE, program

from shm import QuoteWriter, Role

PATTERNS = ("same", "random", "identity", "batch")
UNBOUNDED = 0
RATES = (1_000, 100_000, 1_000_000, UNBOUNDED)
MEMORY = Path("/dev/shm")
START_S_MAX = 10.0
"""The reader waits so long for the writer's first batch."""


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


def stress(pattern: str, *, writes_per_s: int, accepted: int, seconds: float) -> Tally:
    """One writer and one reader process on a fresh table, until so many reads were accepted or the time is over."""
    binary = str(program(HERE / "stress.c", "-O3"))
    with tempfile.TemporaryDirectory(prefix="solquote-stress-", dir=MEMORY) as directory:
        with QuoteWriter.open(Path(directory), Role.INTERNAL) as made:
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
