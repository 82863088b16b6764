"""kill -9 at random, again and again, with readers looking on: a loop of forked writers over one table."""

import itertools
import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypedDict

from shm import CONTRACT, Busy, Flag, QuoteReader, QuoteWriter, Role, TableCounts, row_of_index, verify
from shm.view import QuoteView

ROWS = 150
BATCHES = 3
SEED_BITS = (1 << 60) - 1
"""Small enough that a seeded time stamp lies in the past."""
LIFE_S_MAX = 0.0006
READ_CPU_NS_MAX = 20_000_000
"""A read is bound to ten tries and 20 us; but a hypervisor's pauses count as processor time, and last milliseconds."""
START_S_MAX = 10.0


def mints(row: int) -> tuple[bytes, bytes]:
    """The pair of a row."""
    return row.to_bytes(4, "little") + b"\x01" * 28, row.to_bytes(4, "little") + b"\x02" * 28


def mixed_seed(seed: int, step: int) -> int:
    """A word that follows from the seed."""
    return (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9) & SEED_BITS


class Fields(TypedDict):
    """The words of one quote."""

    input_amount: int
    output_amount: int
    ts_ns: int
    oracle_price: float
    route_id: int
    slot: int
    price_impact_ppm: int


def seeded(row: int, seed: int) -> Fields:
    """A quote of a row whose words follow from one seed."""
    return Fields(
        input_amount=1 + row,
        output_amount=1 + seed,
        ts_ns=mixed_seed(seed, 1) | 1,
        oracle_price=1.0 + seed,
        route_id=mixed_seed(seed, 2),
        slot=mixed_seed(seed, 3) & 0xFFFFFFFF,
        price_impact_ppm=mixed_seed(seed, 4) % 1_000_001,
    )


def rows_of(counts: TableCounts) -> range:
    """The rows written: the first of a table of the layout's counts, the last of any other."""
    return range(ROWS) if counts.is_contract else range(counts.entries - ROWS, counts.entries)


def take_over(directory: Path, counts: TableCounts) -> QuoteWriter:
    """Start a life: recover, and give rows lost in a crash their pairs again."""
    writer = QuoteWriter.open(directory, Role.INTERNAL, counts=counts)
    for row in rows_of(counts):
        writer.assign(row, *mints(row))
    return writer


def publish_little(directory: Path, life: int, counts: TableCounts) -> NoReturn:
    """A life of few batches, fewer changes than the ring holds, so that a scan can only come from its start."""
    writer = take_over(directory, counts)
    batches = [writer.batch() for _ in range(BATCHES)]
    for number, batch in enumerate(batches):
        for row in rows_of(counts):
            batch.put(row, **seeded(row, (life * BATCHES + number) * ROWS + row))
    for batch in batches:
        writer.publish_batch(batch)
    while True:
        signal.pause()


def publish_endlessly(directory: Path, life: int, counts: TableCounts) -> NoReturn:
    """A life that writes all the time, and so is often killed in the middle of a write."""
    seeds = itertools.count(life * BATCHES * ROWS)
    writer = take_over(directory, counts)
    drafts = [writer.draft(row, **seeded(row, next(seeds))) for row in (*rows_of(counts), *rows_of(counts))]
    for draft in itertools.cycle(drafts):
        writer.publish_quietly(draft)
    raise AssertionError("a cycle does not end")


def is_whole(view: QuoteView) -> bool:
    """Whether an accepted copy is one write, of the entry's own row."""
    if not view.is_valid:
        return view.output_amount == 0
    seed = view.output_amount - 1
    row = row_of_index(view.index)
    return (
        view.input_amount == 1 + row
        and view.ts_ns == mixed_seed(seed, 1) | 1
        and view.oracle_price == 1.0 + seed
        and view.route_id == mixed_seed(seed, 2)
        and view.slot == mixed_seed(seed, 3) & 0xFFFFFFFF
        and view.price_impact_ppm == mixed_seed(seed, 4) % 1_000_001
        and (view.input_mint, view.output_mint) == mints(row)
    )


@dataclass(slots=True)
class Watch:
    """What a reading process saw over all lives."""

    reads: int = 0
    torn: int = 0
    busy: int = 0
    late: int = 0
    """Reads beyond their bound, in processor time."""
    recovered: int = 0
    slowest_ns: int = 0

    def look(self, quotes: QuoteReader, index: int) -> None:
        """Read one entry and judge it."""
        start_ns = time.thread_time_ns()
        try:
            view = quotes.view(index)
        except Busy:
            self.busy += 1
        else:
            self.reads += 1
            self.torn += not is_whole(view)
            self.recovered += bool(view.flags & Flag.RECOVERED)
        took_ns = time.thread_time_ns() - start_ns
        self.late += took_ns > READ_CPU_NS_MAX
        self.slowest_ns = max(self.slowest_ns, took_ns)


def watch_forever(directory: Path, results: int, counts: TableCounts) -> NoReturn:
    """Read at random until told to stop by the closing of a pipe's other end; then report on it."""
    watch = Watch()
    chance = random.Random(os.getpid())
    stop = False

    def on_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, on_stop)
    with QuoteReader.open(directory) as quotes:
        while not stop:
            quotes.poll()
            for _ in range(50):
                watch.look(quotes, counts.first_index(Role.INTERNAL) + chance.choice(rows_of(counts)))
    os.write(
        results, f"{watch.reads} {watch.torn} {watch.busy} {watch.late} {watch.recovered} {watch.slowest_ns}".encode()
    )
    os._exit(0)


@dataclass(frozen=True, slots=True)
class KillReport:
    """The whole loop."""

    kills: int
    reads: int
    torn: int
    busy: int
    killed_in_mid_write: int
    late: int
    slowest_us: int
    recovered: int
    """Reads that showed an entry emptied by recovery and not yet published again."""
    wrong_scans: int
    """Restarts after which the polling reader did not scan exactly once."""
    findings: int


def kill_loop(directory: Path, kills: int, counts: TableCounts = CONTRACT) -> KillReport:
    """Kill `kills` writers at random moments of their publishing."""
    chance = random.Random(kills)
    results, write_end = os.pipe()
    QuoteWriter.open(directory, Role.INTERNAL, counts=counts).close()
    watcher = os.fork() or watch_forever(directory, write_end, counts)
    wrong_scans, findings = 0, 0
    polling = Watch()
    with QuoteReader.open(directory) as quotes:
        quotes.poll()
        for life in range(1, kills + 1):
            scans = quotes.scan_count
            writer = os.fork() or (publish_little if life % 2 else publish_endlessly)(directory, life, counts)
            wait_for_life(quotes)
            time.sleep(chance.random() * LIFE_S_MAX)
            os.kill(writer, signal.SIGKILL)
            os.waitpid(writer, 0)
            quotes.poll()
            for row in rows_of(counts):
                polling.look(quotes, counts.first_index(Role.INTERNAL) + row)
            wrong_scans += life % 2 == 1 and quotes.scan_count != scans + 1
            findings += len(verify(quotes.directory / Role.INTERNAL.file_name)) if life % 100 == 0 else 0
    os.kill(watcher, signal.SIGTERM)
    os.waitpid(watcher, 0)
    seen = Watch(*(int(word) for word in os.read(results, 1000).split()))
    os.close(results)
    os.close(write_end)
    QuoteWriter.open(directory, Role.INTERNAL, counts=counts).close()
    return KillReport(
        kills=kills,
        reads=seen.reads + polling.reads,
        torn=seen.torn + polling.torn,
        busy=seen.busy,
        killed_in_mid_write=polling.busy,
        late=seen.late + polling.late,
        slowest_us=max(seen.slowest_ns, polling.slowest_ns) // 1_000,
        recovered=seen.recovered + polling.recovered,
        wrong_scans=wrong_scans,
        findings=findings + len(verify(directory / Role.INTERNAL.file_name)),
    )


def wait_for_life(quotes: QuoteReader) -> None:
    """Until the new writer's first announcement."""
    deadline = time.monotonic() + START_S_MAX
    while not quotes.wait(0.1):
        assert time.monotonic() < deadline, "the writer did not start"
