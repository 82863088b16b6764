"""Kill the writer after each store of a publish in turn, recover, and look: deterministic crashes."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prove.build import HERE, counts_at, of_counts, program

from shm import CONTRACT, Busy, QuoteReader, QuoteWriter, Role, TableCounts, verify

A, B, C = (bytes([number]) * 32 for number in range(1, 4))
BEFORE = 1_000
ACTIONS = ("single", "batch", "identity")


def rows_of(counts: TableCounts) -> tuple[int, int]:
    """The two entries acted on: the first of a table of the layout's counts, the last of any other."""
    first = 0 if counts.is_contract else counts.entries - 2
    return first, first + 1


def new_table(directory: Path, counts: TableCounts = CONTRACT) -> Path:
    """A table with those two entries published, and no writer."""
    with QuoteWriter.open(directory, Role.INTERNAL, counts=counts) as writer:
        for row, pair in zip(rows_of(counts), ((A, B), (B, C)), strict=True):
            writer.assign(row, *pair)
            writer.publish(row, input_amount=1, output_amount=BEFORE, ts_ns=BEFORE)
        return writer.path


def stop(path: Path, action: str, *, after_stores: int, how: signal.Signals) -> subprocess.Popen[bytes]:
    """Start the action in a process that sends itself a signal after so many stores."""
    binary = str(program(HERE / "stop.c", "-O2", *of_counts(counts_at(path))))
    return subprocess.Popen([binary, str(path), action, str(after_stores), str(int(how))])


def carry_out(path: Path, action: str) -> None:
    """Do the action to its end."""
    with stop(path, action, after_stores=0, how=signal.SIGKILL) as process:
        assert process.wait() == 0, f"{action} failed"


@contextlib.contextmanager
def stopped(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A writer that stands still while the first of the two entries is odd; it goes on at the end, if not before."""
    with stop(path, "single", after_stores=IN_THE_FIRST_ENTRY, how=signal.SIGSTOP) as process:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)


def killed_after(path: Path, action: str, after_stores: int) -> bool:
    """Whether the action was killed; False when it was over before."""
    with stop(path, action, after_stores=after_stores, how=signal.SIGKILL) as process:
        return process.wait() == -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Crash:
    """What was found after one deterministic crash and the recovery from it."""

    action: str
    after_stores: int
    was_odd: bool
    problems: tuple[str, ...]


def crashes(directory: Path, action: str, counts: TableCounts = CONTRACT) -> Iterator[Crash]:
    """Crash an action after each of its stores."""
    after_stores = 1
    while True:
        path = new_table(directory, counts)
        with QuoteReader.open(directory) as quotes:
            quotes.poll()
            if not killed_after(path, action, after_stores):
                path.unlink()
                return
            yield crash_and_recover(directory, quotes, action, after_stores)
        path.unlink()
        after_stores += 1


def crash_and_recover(directory: Path, quotes: QuoteReader, action: str, after_stores: int) -> Crash:
    """Look at the table as the crash left it, recover it, and look again."""
    problems = []
    was_odd = False
    counts = quotes.counts(Role.INTERNAL)
    assert counts is not None
    for position in (0, 1):
        try:
            problems += mixed(quotes, counts, position)
        except Busy:
            was_odd = True
    scans = quotes.scan_count
    QuoteWriter.open(directory, Role.INTERNAL, counts=counts).close()
    changed = set(quotes.poll())
    problems += [str(finding) for finding in verify(directory / Role.INTERNAL.file_name)]
    for position in (0, 1):
        problems += mixed(quotes, counts, position)
    if quotes.scan_count != scans + 1:
        problems.append(f"{quotes.scan_count - scans} scans for one restart")
    if was_odd and not changed:
        problems.append("the recovered entry was not named")
    return Crash(action, after_stores, was_odd, tuple(problems))


def mixed(quotes: QuoteReader, counts: TableCounts, position: int) -> list[str]:
    """One of the two entries is as before, as after, or empty: never something else."""
    index = counts.first_index(Role.INTERNAL) + rows_of(counts)[position]
    quote = quotes.quote(index)
    pair = (A, B) if position == 0 else (B, C)
    allowed = {
        (0, 0, bytes(32), bytes(32)),
        (BEFORE, BEFORE, *pair),
        (BEFORE + 1, BEFORE + 1, *pair),
        (BEFORE + 1, BEFORE + 1, pair[0], b"\x09" * 32),
    }
    found = (quote.output_amount, quote.ts_ns, quote.input_mint, quote.output_mint)
    return [] if found in allowed else [f"entry {index} is a mix: {found}"]


def crashed_recoveries(directory: Path, counts: TableCounts = CONTRACT) -> Iterator[Crash]:
    """Kill the recovery from a crash after each of its stores, then recover from both."""
    after_stores = 1
    while True:
        path = new_table(directory, counts)
        with QuoteReader.open(directory) as quotes:
            quotes.poll()
            assert killed_after(path, "batch", IN_THE_SECOND_ENTRY)
            if not killed_after(path, "recover", after_stores):
                path.unlink()
                return
            yield crash_and_recover(directory, quotes, "recover", after_stores)
        path.unlink()
        after_stores += 1


IN_THE_FIRST_ENTRY = 4
"""Stores of a single: the odd version, then words of the entry."""
IN_THE_SECOND_ENTRY = 25
"""Stores of a batch of two: intent, 9 for the first entry, 9 for its slot, then the second entry is odd."""
