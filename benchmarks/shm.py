"""What a scanner pays for a quote: each figure beside an empty compiled call, and peers that carry the same quote.

    python benchmarks/shm.py [--json]

Machines and their neighbours change absolute numbers by a factor of two, so the ratios of one run are what counts. The
targets are in the column at the right. Peers hold the same 128-byte record: raw shared memory with `struct` (which can
tear), lmdb, and a gRPC unary call.
"""

import importlib.util
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import shared_memory
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.remove(str(Path(__file__).resolve().parent))  # this file would hide the package of the same name

import grpc
import lmdb

from shm import ENTRY_COUNT, Draft, Handle, QuoteReader, QuoteWriter, Role, layout

ROWS = 1_800
REPEATS = 7
SLOW_CALLS = 1_000
FAST_CALLS = 200_000
UNDER_LOAD_READS = 300_000
UNDER_LOAD_S = 3.0
MEMORY = Path("/dev/shm")

# Publishes into entry 0 at the given rate until killed; zero is as fast as it goes.
LOAD = """
import itertools, sys, time
from pathlib import Path
from shm import Draft, QuoteWriter, Role

rate = int(sys.argv[2])
writer = QuoteWriter.open(Path(sys.argv[1]), Role.EXTERNAL)
writer.assign(0, bytes([1]) * 32, bytes([2]) * 32)
draft = Draft(0, input_amount=1, output_amount=1, ts_ns=1)
print("ready", flush=True)
start = time.monotonic()
for number in itertools.count(1):
    writer.publish_quietly(draft)
    if number % 1000 == 0:
        writer.beat()
    while rate and number > (time.monotonic() - start) * rate:
        pass
"""


def build_timing(directory: Path) -> ModuleType:
    """Compile shm_timing.pyx and import it."""
    source = directory / "shm_timing.pyx"
    shutil.copy(Path(__file__).with_name("shm_timing.pyx"), source)
    command = [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "-q", str(source)]
    subprocess.run(command, check=True, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    [built] = directory.glob("shm_timing*.so")
    spec = importlib.util.spec_from_file_location("shm_timing", built)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cost_ns(statement: str, names: dict[str, Any], *, count: int = FAST_CALLS) -> float:
    """Best time of one execution, loop included."""
    return min(timeit.repeat(statement, globals=names, number=count, repeat=REPEATS)) / count * 1e9


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement beside its reference of the same run."""

    what: str
    ns: float
    beside: str
    ratio: float
    target: str


FIGURES: list[Figure] = []


def show(what: str, figure_ns: float, beside: str, beside_ns: float, target: str = "") -> None:
    """Keep one figure, and print it beside its reference."""
    ratio = figure_ns / beside_ns
    FIGURES.append(Figure(what, figure_ns, beside, ratio, target))
    against = f"{ratio:,.2f}x" if ratio >= 0.1 or ratio == 0 else f"1/{1 / ratio:,.0f}"
    print(f"{what:44} {figure_ns:10.1f} ns {against:>12} {beside:24} {target}", file=sys.stderr)


def mints(row: int) -> tuple[bytes, bytes]:
    """A pair of its own for each row."""
    return row.to_bytes(4, "little") + b"\x01" * 28, row.to_bytes(4, "little") + b"\x02" * 28


def fill(writer: QuoteWriter) -> None:
    """Publish every row once."""
    for row in range(ROWS):
        writer.assign(row, *mints(row))
        writer.publish(row, input_amount=1_000, output_amount=2_000 + row, ts_ns=time.time_ns(), oracle_price=1.5)


def reading(names: dict[str, Any], timing: ModuleType) -> None:
    """One reader, nothing else running."""
    names["empty"] = timing.Empty()
    nothing = cost_ns("empty.nothing()", names)
    one = cost_ns("empty.one(1)", names)
    show("empty compiled call", nothing, "of itself", nothing)
    show("empty compiled call with one argument", one, "of the empty call", nothing)
    beat(names)
    show("truth of a handle", cost_ns("1 if handle else 0", names), "of a one-argument call", one, "<= 1.0x")
    show("price of a handle", cost_ns("handle.price", names), "of the empty call", nothing)
    show("reused view of an entry", cost_ns("quotes.view(7)", names), "of the empty call", nothing, "<= 1.5x")
    show("fresh object of an entry", cost_ns("quotes.quote(7)", names), "of the empty call", nothing)
    alone, _ = timing.truth_times_ns(names["handle"], UNDER_LOAD_READS, seconds=UNDER_LOAD_S)
    names["alone_ns"] = alone[len(alone) // 2]
    beat(names)
    cycle = cost_ns("quotes.cycle(handle, second, third)", names)
    show("three-leg cycle", cycle, "of the empty call", nothing, "<= 60 ns")
    snapshot = cost_ns("quotes.snapshot()", names, count=SLOW_CALLS)
    show("snapshot of 1800 entries", snapshot, "of the empty call", nothing)
    show("  each entry of it", snapshot / ROWS, "of the empty call", nothing, "<= 12.5 ns (80 M/s)")
    poll = cost_ns("quotes.poll()", names)
    show("poll without a change", poll, "of a snapshot", snapshot, "<= 1/400")
    show("acquire load in C", timing.acquire_load_ns(FAST_CALLS), "of a snapshot", snapshot)


def beat(names: dict[str, Any]) -> None:
    """Keep the writer alive between measurements, as its owner does."""
    names["writer"].beat()


def writing(names: dict[str, Any]) -> None:
    """Publishing, and polling for what was published."""
    nothing = cost_ns("empty.nothing()", names)
    names["draft"] = Draft(3, input_amount=1_000, output_amount=5, ts_ns=1)
    show("publish a draft", cost_ns("writer.publish_quietly(draft)", names), "of the empty call", nothing, "<= 2x")
    statement = "writer.publish(3, input_amount=1_000, output_amount=5, ts_ns=1)"
    show("publish by keywords, with wake", cost_ns(statement, names, count=SLOW_CALLS), "of the empty call", nothing)
    for count in (1, 16, 256):
        publish_ns, poll_ns = batch_costs(names["writer"], names["quotes"], count)
        show(f"publish a batch of {count}, each", publish_ns / count, "of the empty call", nothing, "<= 12 ns at 256")
        allowed = 40 + 3 * count
        show(f"poll with {count} changes", poll_ns, "of what is allowed", allowed, f"<= {allowed} ns")


def batch_costs(writer: QuoteWriter, quotes: QuoteReader, count: int) -> tuple[float, float]:
    """Best times of publishing a batch and of the poll after it."""
    publish_ns = poll_ns = math.inf
    batch = writer.batch()
    quotes.poll()
    for number in range(SLOW_CALLS):
        for row in range(count):
            batch.put(row, input_amount=1_000, output_amount=number, ts_ns=1)
        start = time.perf_counter_ns()
        writer.publish_batch(batch)
        published = time.perf_counter_ns()
        quotes.poll()
        polled = time.perf_counter_ns()
        publish_ns, poll_ns = min(publish_ns, published - start), min(poll_ns, polled - published)
    timer = min(-(time.perf_counter_ns() - time.perf_counter_ns()) for _ in range(SLOW_CALLS))
    return publish_ns - timer, poll_ns - timer


@contextmanager
def load(directory: Path, writes_per_s: int) -> Iterator[None]:
    """Another process that writes the external file's first entry."""
    command = [sys.executable, "-c", LOAD, str(directory), str(writes_per_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def under_load(names: dict[str, Any], directory: Path, timing: ModuleType) -> None:
    """Truth tests timed one by one while another process writes the same entry."""
    for rate, target in ((1_000, "< 120 ns"), (1_000_000, "< 200 ns"), (0, "")):
        with load(directory, rate), QuoteReader.open(directory) as quotes:
            handle = quotes.handle(bytes([1]) * 32, bytes([2]) * 32, 1, role=Role.EXTERNAL)
            wait_until_live(handle)
            times, live = timing.truth_times_ns(handle, UNDER_LOAD_READS, seconds=UNDER_LOAD_S)
            p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
            name = f"{rate:,} writes/s" if rate else "unbounded writes"
            assert live > len(times) * 0.99, "the load died"
            unloaded = max(names["alone_ns"], 1)
            show(f"truth under {name}, p50", p50, "of the same without load", unloaded)
            show(f"truth under {name}, p99", p99, "of the same without load", unloaded, target)
            print(f"  {quotes.busy_count} BUSY in {len(times):,} reads", file=sys.stderr)


def wait_until_live(handle: Handle) -> None:
    """Until the load's first quote is there."""
    deadline = time.monotonic() + 10
    while not handle:
        assert time.monotonic() < deadline, "the load did not start"


# ---- peers -------------------------------------------------------------------------------------------------------

RECORD = layout.ENTRY.codec


def peers(names: dict[str, Any], directory: Path) -> None:
    """The same record through others, beside the reused view."""
    beat(names)
    ours = cost_ns("quotes.view(7).output_amount", names)
    show("reused view and one field", ours, "of itself", ours)
    image = RECORD.pack(2, 1_000, 2_000, 1, 1.5, 7, 1, 2, 3, 1, 4, 5, 6, *mints(7))
    for name, target, measure in (
        ("raw shared memory and struct (can tear)", ">= 3x", raw_memory_ns),
        ("lmdb", ">= 8x", lmdb_ns),
        ("gRPC unary call", ">= 4,000x", grpc_ns),
    ):
        show(name, measure(image, directory), "of the reused view", ours, target)


def raw_memory_ns(image: bytes, _: Path) -> float:
    """Unpack the record straight from shared memory."""
    memory = shared_memory.SharedMemory(create=True, size=layout.FILE_BYTES)
    try:
        offset = layout.ENTRY.offset + 7 * layout.ENTRY.size_bytes
        memory.buf[offset : offset + len(image)] = image
        names = {"unpack": RECORD.unpack_from, "memory": memory, "offset": offset}
        return cost_ns("unpack(memory.buf, offset)[2]", names)
    finally:
        memory.close()
        memory.unlink()


def lmdb_ns(image: bytes, directory: Path) -> float:
    """Look the record up by its pair and amount, in a read transaction of its own as a fresh read needs."""
    with lmdb.open(str(directory / "lmdb"), map_size=1 << 24) as database:
        key = b"".join(mints(7)) + (1_000).to_bytes(8, "little")
        with database.begin(write=True) as writing_transaction:
            writing_transaction.put(key, image)
        names = {"database": database, "key": key, "unpack": RECORD.unpack}
        statement = "with database.begin(buffers=True) as transaction: unpack(transaction.get(key))[2]"
        return cost_ns(statement, names, count=SLOW_CALLS * 10)


def grpc_ns(image: bytes, _: Path) -> float:
    """Ask another process's gRPC server for the record."""
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", image.hex(), str(write_end)], pass_fds=(write_end,)
    )
    try:
        port = int(os.read(read_end, 16))
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: Callable[[bytes], bytes] = channel.unary_unary("/peer/read")
            names = {"call": call, "key": b"key", "unpack": RECORD.unpack}
            return cost_ns("unpack(call(key))[2]", names, count=SLOW_CALLS // 4)
    finally:
        server.kill()
        server.wait()


def serve(image: bytes, ready: int) -> None:
    """Be the gRPC peer's server."""
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: image)
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("peer", {"read": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    os.write(ready, str(port).encode())
    server.wait_for_termination()


def main() -> None:
    """Measure everything on a table of its own."""
    if sys.argv[1:2] == ["--serve"]:
        serve(bytes.fromhex(sys.argv[2]), int(sys.argv[3]))
        return
    with tempfile.TemporaryDirectory(prefix="solquote-bench-", dir=MEMORY) as name:
        directory = Path(name)
        timing = build_timing(directory)
        with QuoteWriter.open(directory, Role.INTERNAL) as writer, QuoteReader.open(directory) as quotes:
            fill(writer)
            handles = [quotes.handle(*mints(row), 1_000) for row in range(3)]
            names = {"quotes": quotes, "writer": writer, "handle": handles[0], "second": handles[1], "third": handles[2]}
            assert all(handles)
            assert len(quotes.poll()) == ROWS < ENTRY_COUNT
            reading(names, timing)
            writing(names)
            peers(names, directory)
        under_load(names, directory, timing)
    if "--json" in sys.argv:
        print(json.dumps([asdict(figure) for figure in FIGURES]))


if __name__ == "__main__":
    main()
