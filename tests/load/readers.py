"""Processes that read shared memory as scanners do: `python readers.py DIRECTORY NUMBER SECONDS` is one of them.

Each looks for what has changed twenty times a second, and asks a handle a thousand times in a row: one truth is shorter
than a look at the clock. What it costs there includes the interpreter's call, as every user pays it.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from shm import QuoteReader, ShmError

__all__ = ["readers", "told_by"]

LOOKS_PER_S: Final = 20
READS: Final = 1_000
GRACE_S: Final = 60.0


@contextmanager
def readers(count: int, directory: Path, seconds: float) -> Iterator["list[subprocess.Popen[str]]"]:
    """Start them; they end by themselves after `seconds`, or with the context."""
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(directory), str(number), str(seconds)], stdout=subprocess.PIPE, text=True
        )
        for number in range(count)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def told_by(started: "list[subprocess.Popen[str]]", seconds: float) -> list[Mapping[str, Any]]:
    """What they measured, once they have ended.

    Raises:
        subprocess.TimeoutExpired: One has not.
    """
    until_s = time.monotonic() + seconds + GRACE_S
    said = [process.communicate(timeout=max(1.0, until_s - time.monotonic()))[0] for process in started]
    return [json.loads(line) if line else {"read_us": [], "stale": 0, "changes": 0, "errors": 1} for line in said]


def _read(directory: Path, number: int, seconds: float) -> dict[str, Any]:
    read_us: list[float] = []
    stale = changes = errors = 0
    with QuoteReader.open(directory) as reader:
        quotes = list(reader)
        quote = quotes[number * 7 % len(quotes)]
        handle = reader.handle(quote.input_mint, quote.output_mint, quote.input_amount, role=quote.role)
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            try:
                changes += len(reader.poll())
                began_ns = time.perf_counter_ns()
                for _ in itertools.repeat(None, READS):
                    handle.refresh()
                read_us.append((time.perf_counter_ns() - began_ns) / READS / 1_000)
                stale += not handle
            except ShmError:
                errors += 1
            time.sleep(1 / LOOKS_PER_S)
    return {"read_us": read_us, "stale": stale, "changes": changes, "errors": errors}


if __name__ == "__main__":
    json.dump(_read(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])), sys.stdout)
