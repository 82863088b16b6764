"""What shared memory costs now, in tables of other sizes, and in the code of another checkout, in turns on one machine.

    git worktree add /tmp/then REVISION      # and build its core there: make build
    python benchmarks/shm_turns.py [/tmp/then] [--rounds 9]

Each round starts a process for each (the checkout of then, this one, this one with larger tables) in turn; a figure is
the best of many short stretches of processor time, and what is printed the median of the rounds, beside this checkout's
of the layout's counts. Two processes of one code differ by 1 to 2 ns: more rounds say what is more than that.
All tables hold 1,800 quotes, so that a snapshot and a scan look at as many.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path
from statistics import median
from typing import Any, Final

sys.path.remove(str(Path(__file__).resolve().parent))  # the files beside this one are named like what they measure

HERE: Final = Path(__file__).resolve().parents[1]
MEMORY: Final = Path("/dev/shm")
SIZES: Final = ((20_000, 4_096), (65_535, 65_536))
ROWS: Final = 1_800
STRETCHES: Final = 40
CALLS: Final = 4_000
SLOW_CALLS: Final = 40
PUBLISH: Final = "writer.publish_quietly(draft)"
STATEMENTS: Final = {
    "publish a draft": PUBLISH,
    "poll without a change": "quotes.poll()",
    "poll of its one change": f"{PUBLISH}; quotes.poll()",
    "the same with values": f"{PUBLISH}; quotes.poll_changes()",
    "truth of a handle": "1 if handle else 0",
    "reused view": "quotes.view(index)",
    "two-leg cycle": "quotes.cycle(handle, second)",
    "batch of 256": "writer.publish_batch(full())",
    "its poll": "writer.publish_batch(full()); quotes.poll()",
    "snapshot": "quotes.snapshot()",
}
LESS: Final = {
    "poll of its one change": "publish a draft",
    "the same with values": "publish a draft",
    "its poll": "batch of 256",
}
"""What is taken off a figure: what its statement does besides."""
SLOW: Final = ("batch of 256", "its poll", "snapshot")
SCAN: Final = "poll that scans"


def mints(row: int) -> tuple[bytes, bytes]:
    """A pair of its own for each row."""
    return row.to_bytes(4, "little") + b"\x01" * 28, row.to_bytes(4, "little") + b"\x02" * 28


def one(entries: int, slots: int) -> dict[str, float]:
    """Every figure of a new table, in nanoseconds; 0 entries are the layout's, which any checkout knows."""
    from shm import QuoteReader, QuoteWriter  # noqa: PLC0415  # of the checkout this process was started for

    sized: dict[str, Any] = {}
    if entries:
        from shm import TableCounts  # noqa: PLC0415  # which the checkout of then may not have

        sized = {"counts": TableCounts(entries, slots)}
    with (
        tempfile.TemporaryDirectory(prefix="solquote-bench-", dir=MEMORY) as folder,
        QuoteWriter.open(Path(folder), **sized) as writer,
        QuoteReader.open(Path(folder)) as quotes,
    ):
        for row in range(ROWS):
            writer.assign(row, *mints(row))
            writer.publish(row, input_amount=1_000, output_amount=2_000 + row, ts_ns=time.time_ns())
        draft = writer.draft(3, input_amount=1_000, output_amount=5, ts_ns=1)
        batch = writer.batch()

        def full() -> object:
            for row in range(256):
                batch.put(row, input_amount=1_000, output_amount=5, ts_ns=1)
            return batch

        def lap() -> None:
            for _ in range((slots or 512) + 1):
                writer.publish_quietly(draft)

        names = {
            "writer": writer,
            "quotes": quotes,
            "draft": draft,
            "index": quotes.poll()[7],
            "handle": quotes.handle(*mints(1), 1_000),
            "second": quotes.handle(*mints(2), 1_000),
            "full": full,
        }
        timers = {what: timeit.Timer(call, timer=time.thread_time, globals=names) for what, call in STATEMENTS.items()}
        best = dict.fromkeys((*STATEMENTS, SCAN), math.inf)
        for _ in range(STRETCHES):
            writer.beat()
            for what, timer in timers.items():
                quotes.poll()  # so that none is charged for what another left in the ring
                count = SLOW_CALLS if what in SLOW else CALLS
                best[what] = min(best[what], timer.timeit(count) / count * 1e9)
            lap()
            start_ns = time.perf_counter_ns()
            quotes.poll()
            best[SCAN] = min(best[SCAN], time.perf_counter_ns() - start_ns)
    return {what: ns - best[LESS[what]] if what in LESS else ns for what, ns in best.items()}


def run(tree: Path, entries: int, slots: int) -> dict[str, float]:
    """The figures of a process of its own."""
    command = [sys.executable, __file__, "--one", str(entries), str(slots)]
    environ = os.environ | {"PYTHONPATH": str(tree / "src")}
    answer: dict[str, float] = json.loads(
        subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE).stdout
    )
    return answer


def main() -> None:
    """Measure all in turns."""
    parser = argparse.ArgumentParser(description="Shared memory of then, of now, and of other sizes, in turns.")
    parser.add_argument("then", nargs="?", type=Path, default=HERE, help="another checkout, its core built")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--one", nargs=2, type=int, metavar=("ENTRIES", "SLOTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(*options.one)))
        return
    cases = {"now": (HERE, 0, 0), "then": (options.then.resolve(), 0, 0)}
    cases |= {f"{entries:,} x {slots:,}": (HERE, entries, slots) for entries, slots in SIZES}
    told: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    for number in range(options.rounds):
        for name in list(cases)[:: -1 if number % 2 else 1]:
            told[name].append(run(*cases[name]))
    print(f"{'ns, and times now':24}" + "".join(f"{name:>20}" for name in cases))
    for what in (*STATEMENTS, SCAN):
        medians = {name: median(figures[what] for figures in told[name]) for name in cases}
        cells = "".join(f"{ns:12,.1f} {ns / medians['now']:6.2f}x" for ns in medians.values())
        print(f"{what:24}{cells}")


if __name__ == "__main__":
    main()
