"""What a scanner pays for a quote: each figure beside an empty compiled call, and peers that carry the same quote.

    python benchmarks/shm.py [--json]

Machines and their neighbours change absolute numbers by a factor of two, so the ratios of one run are what counts. The
targets are in the column at the right. Peers hold the same 128-byte record: raw shared memory with `struct` (which can
tear), lmdb, a NATS key-value bucket, a gRPC unary call and, where they are installed, an iceoryx2 blackboard and Redis.
"""

import asyncio
import ctypes
import importlib.util
import json
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import shared_memory
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.remove(str(Path(__file__).resolve().parent))  # this file would hide the package of the same name

import grpc
import lmdb
import nats
import nats.js.api

from shm import ENTRY_COUNT, Handle, QuoteReader, QuoteWriter, Role, TableCounts, layout

ROWS = 1_800
SIZED = TableCounts(20_000, 4_096)
ROUNDS = 25
TEXT = sys.stderr if "--json" in sys.argv else sys.stdout
SLOW_CALLS = 1_000
FAST_CALLS = 50_000
REPLY_BYTES = 4_096
ONE_CHANGE_ROUNDS = 60
ONE_CHANGE_CALLS = 20_000
UNDER_LOAD_READS = 20_000
UNDER_LOAD_S = 3.0
UNDER_LOAD_PAUSE_S = 0.02
MEMORY = Path("/dev/shm")

NOTHING = "empty.nothing()"
ONE = "empty.one(1)"
TRUTH = "1 if handle else 0"
VIEW = "quotes.view(7)"
CYCLE = "quotes.cycle(handle, second, third)"
POLL = "quotes.poll()"
SNAPSHOT = "quotes.snapshot()"
DRAFT = "writer.publish_quietly(draft)"
DRAFT_AND_POLL = f"{DRAFT}; {POLL}"
KEYWORDS = "writer.publish(3, input_amount=1_000, output_amount=5, ts_ns=1)"

# Publishes into entry 0 at the given rate until killed; zero is as fast as it goes.
LOAD = """
import itertools, sys, time
from pathlib import Path
from shm import QuoteWriter, Role

rate = int(sys.argv[2])
writer = QuoteWriter.open(Path(sys.argv[1]), Role.EXTERNAL)
writer.assign(0, bytes([1]) * 32, bytes([2]) * 32)
draft = writer.draft(0, input_amount=1, output_amount=1, ts_ns=1)
print("ready", flush=True)
beat_every = rate // 100 or 10_000
start = time.monotonic()
for number in itertools.count(1):
    writer.publish_quietly(draft)
    if number % beat_every == 0:
        writer.beat()
    while rate and number > (time.monotonic() - start) * rate:
        pass
"""


def build_timing(directory: Path) -> ModuleType:
    """Compile shm_timing.pyx and import it."""
    source = directory / "shm_timing.pyx"
    shutil.copy(Path(__file__).with_name("shm_timing.pyx"), source)
    command = [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "-q", str(source)]
    flags = os.environ | {"CFLAGS": f"-O3 -I{Path(layout.__file__).parent}"}
    subprocess.run(command, check=True, cwd=directory, env=flags, stdout=subprocess.DEVNULL)
    [built] = directory.glob("shm_timing*.so")
    spec = importlib.util.spec_from_file_location("shm_timing", built)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def costs_ns(statements: Mapping[str, int], names: dict[str, Any]) -> dict[str, float]:
    """Best time of one execution of each statement, loop included; all are measured in turn, round after round.

    So a burst of a neighbour's work hits a figure and its reference alike.
    """
    best = dict.fromkeys(statements, math.inf)
    timers = {statement: timeit.Timer(statement, globals=names) for statement in statements}
    for _ in range(ROUNDS):
        for statement, count in statements.items():
            names["writer"].beat()  # as its owner does, so that handles stay live
            best[statement] = min(best[statement], timers[statement].timeit(count) / count * 1e9)
    return best


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
    print(f"{what:44} {figure_ns:10.1f} ns {against:>12} {beside:24} {target}", file=TEXT)


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
    fast = (NOTHING, ONE, TRUTH, "handle.price", VIEW, "quotes.quote(7)", CYCLE, POLL)
    cost = costs_ns(dict.fromkeys(fast, FAST_CALLS) | {SNAPSHOT: SLOW_CALLS}, names)
    nothing, snapshot = cost[NOTHING], cost[SNAPSHOT]
    show("empty compiled call", nothing, "of itself", nothing)
    show("empty compiled call with one argument", cost[ONE], "of the empty call", nothing)
    show("truth of a handle", cost[TRUTH], "of a one-argument call", cost[ONE], "<= 1.0x")
    show("price of a handle", cost["handle.price"], "of the empty call", nothing)
    show("reused view of an entry", cost[VIEW], "of the empty call", nothing, "<= 1.5x")
    show("fresh object of an entry", cost["quotes.quote(7)"], "of the empty call", nothing)
    show("three-leg cycle", cost[CYCLE], "of the empty call", nothing, "<= 60 ns")
    show("snapshot of 1800 entries", snapshot, "of the empty call", nothing)
    show("  each entry of it", snapshot / ROWS, "of the empty call", nothing, "<= 12.5 ns (80 M/s)")
    path = names["writer"].path
    full = min(timing.full_copy_ns(path, ROWS, SLOW_CALLS // ROUNDS) for _ in range(ROUNDS))
    show("the same by copying every entry, in C", full, "of the snapshot", snapshot)
    show("poll without a change", cost[POLL], "of copying every entry", full, "<= 1/400")
    show("acquire load in C", timing.acquire_load_ns(FAST_CALLS), "of copying every entry", full)
    alone, _ = timing.truth_times_ns(names["handle"], UNDER_LOAD_READS)
    names["alone_ns"] = sorted(alone)[len(alone) // 2]


def writing(names: dict[str, Any]) -> None:
    """Publishing, and polling for what was published."""
    names["draft"] = names["writer"].draft(3, input_amount=1_000, output_amount=5, ts_ns=1)
    cost = costs_ns({NOTHING: FAST_CALLS, DRAFT: FAST_CALLS, KEYWORDS: SLOW_CALLS}, names)
    nothing = cost[NOTHING]
    show("publish a draft", cost[DRAFT], "of the empty call", nothing, "<= 2x")
    show("publish by keywords, with wake", cost[KEYWORDS], "of the empty call", nothing)
    one_ns, empty_ns = one_change_costs(names)
    show("poll its one change, less the publishing", one_ns, "of the empty call", empty_ns, "<= 1.5x")
    for count in (1, 16, 256):
        publish_ns, poll_ns = batch_costs(names["writer"], names["quotes"].poll, count)
        _, values_ns = batch_costs(names["writer"], names["quotes"].poll_changes, count)
        show(f"publish a batch of {count}, each", publish_ns / count, "of the empty call", nothing, "<= 12 ns at 256")
        allowed = 40 + 3 * count
        show(f"poll with {count} changes", poll_ns, "of what is allowed", allowed, f"<= {allowed} ns")
        show("  and their values", values_ns, "of the poll without them", poll_ns)


def other_sizes(names: dict[str, Any], directory: Path) -> None:
    """The same rows in a table of other counts, beside the layout's; `shm_turns.py` has more, and the code of then."""
    with QuoteWriter.open(directory, counts=SIZED) as writer, QuoteReader.open(directory) as quotes:
        fill(writer)
        quotes.poll()
        handle = quotes.handle(*mints(0), 1_000)
        draft = writer.draft(3, input_amount=1_000, output_amount=5, ts_ns=1)
        sized = {"sized": quotes, "sized_handle": handle, "sized_writer": writer, "sized_draft": draft}
        pairs = {
            "truth of a handle": (TRUTH, "1 if sized_handle else 0"),
            "poll without a change": (POLL, "sized.poll()"),
            "publish a draft": (DRAFT, "sized_writer.publish_quietly(sized_draft)"),
        }
        cost = costs_ns(dict.fromkeys((call for pair in pairs.values() for call in pair), FAST_CALLS), names | sized)
        table = f"{SIZED.entries:,} x {SIZED.slots:,}"
        for what, (usual, other) in pairs.items():
            show(f"{what}, {table}", cost[other], "of the layout's", cost[usual])
        one_ns, _ = one_change_costs(names)
        other_ns, _ = one_change_costs({**names, "quotes": quotes, "writer": writer, "draft": draft})
        show(f"poll its one change, {table}", other_ns, "of the layout's", one_ns)


def one_change_costs(names: dict[str, Any]) -> tuple[float, float]:
    """What a poll adds to publishing the one change it tells, and an empty call; medians of processor time.

    Finer than a clock read before and after one poll, and deaf to what else the machine does.
    """
    statements = (NOTHING, DRAFT, DRAFT_AND_POLL)
    timers = [timeit.Timer(statement, timer=time.thread_time, globals=names) for statement in statements]
    empty: list[float] = []
    added: list[float] = []
    for _ in range(ONE_CHANGE_ROUNDS):
        names["writer"].beat()
        costs: list[float] = []
        for timer in timers:
            names["quotes"].poll()  # so that none is charged for what another left in the ring
            costs.append(timer.timeit(ONE_CHANGE_CALLS) / ONE_CHANGE_CALLS * 1e9)
        empty.append(costs[0])
        added.append(costs[2] - costs[1])
    return statistics.median(added), statistics.median(empty)


def batch_costs(writer: QuoteWriter, poll: Callable[[], object], count: int) -> tuple[float, float]:
    """Best times of publishing a batch and of the poll after it."""
    publish_ns = poll_ns = math.inf
    batch = writer.batch()
    poll()
    for number in range(SLOW_CALLS):
        for row in range(count):
            batch.put(row, input_amount=1_000, output_amount=1 + number, ts_ns=1)
        start = time.perf_counter_ns()
        writer.publish_batch(batch)
        published = time.perf_counter_ns()
        poll()
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
    """Truth tests timed one by one while another process writes the same entry, in short stretches spread over time."""
    unloaded = max(names["alone_ns"], 1)
    for rate, target in ((1_000, "< 120 ns"), (1_000_000, "< 200 ns"), (0, "")):
        with load(directory, rate), QuoteReader.open(directory) as quotes:
            handle = quotes.handle(bytes([1]) * 32, bytes([2]) * 32, 1, role=Role.EXTERNAL)
            wait_until_live(handle)
            start, first_version = time.monotonic(), handle.version
            times: list[int] = []
            live = 0
            while time.monotonic() - start < UNDER_LOAD_S:
                stretch, true = timing.truth_times_ns(handle, UNDER_LOAD_READS)
                times += stretch
                live += true
                time.sleep(UNDER_LOAD_PAUSE_S)
            seen = (handle.version - first_version) / 2 / (time.monotonic() - start)
            assert live > len(times) * 0.99, "the load died"
            times.sort()
            name = f"{rate:,}" if rate else "unbounded"
            show(f"truth under {name} writes/s, p50", times[len(times) // 2], "of the same without load", unloaded)
            p99 = times[len(times) * 99 // 100]
            show(f"truth under {name} writes/s, p99", p99, "of the same without load", unloaded, target)
            print(f"  {quotes.busy_count} BUSY in {len(times):,} reads at {seen:,.0f} writes/s", file=TEXT)


def wait_until_live(handle: Handle) -> None:
    """Until the load's first quote is there."""
    deadline = time.monotonic() + 10
    while not handle:
        assert time.monotonic() < deadline, "the load did not start"


# ---- peers -------------------------------------------------------------------------------------------------------

RECORD = layout.ENTRY.codec
LMDB_KEY = b"".join(mints(7)) + (1_000).to_bytes(8, "little")
OURS = "quotes.view(7).output_amount"
RAW = "unpack(raw.buf, offset)[2]"
LMDB = "with database.begin(buffers=True) as transaction: unpack(transaction.get(key))[2]"
NATS = "unpack(nats_get())[2]"
GRPC = "unpack(call(key))[2]"
REDIS = "unpack(redis_client_get(key))[2]"
REDIS_SOCKET = "unpack(redis_get(), redis_header)[2]"
ICEORYX2 = "blackboard.get().decode_as(Record).output_amount"


def peers(names: dict[str, Any], directory: Path) -> None:
    """The same record through others, beside the reused view: each reads one field of it."""
    image = RECORD.pack(2, 1_000, 2_000, 1, 1.5, 7, 1, 2, 3, 1, 4, 5, 6, *mints(7))
    with ExitStack() as stack:
        offset = layout.ENTRY.offset + 7 * layout.ENTRY.size_bytes
        names |= {"unpack": RECORD.unpack_from, "raw": stack.enter_context(raw_memory(image)), "offset": offset}
        names |= {"database": stack.enter_context(lmdb_database(image, directory)), "key": LMDB_KEY}
        names |= {"nats_get": stack.enter_context(nats_bucket(image, directory))}
        names |= {"call": stack.enter_context(grpc_peer(image))}
        counts = {OURS: FAST_CALLS, RAW: FAST_CALLS, LMDB: SLOW_CALLS, NATS: SLOW_CALLS // 20, GRPC: SLOW_CALLS // 20}
        if importlib.util.find_spec("iceoryx2") is not None:
            names |= iceoryx2_entry(image)
            counts[ICEORYX2] = SLOW_CALLS
        if (redis_server := shutil.which("redis-server")) is not None:
            get, address = stack.enter_context(redis_peer(image, directory, redis_server))
            names |= {"redis_get": get, "redis_header": len(REDIS_HEADER)}
            counts[REDIS_SOCKET] = SLOW_CALLS // 20
            if importlib.util.find_spec("redis") is not None:
                client = stack.enter_context(importlib.import_module("redis").Redis(*address))
                names |= {"redis_client_get": client.get}
                counts[REDIS] = SLOW_CALLS // 20
        cost = costs_ns(counts, names)
    ours = cost[OURS]
    show("reused view and one field", ours, "of itself", ours)
    show("raw shared memory and struct (can tear)", cost[RAW], "of the reused view", ours, ">= 3x")
    show("lmdb", cost[LMDB], "of the reused view", ours, ">= 8x")
    if ICEORYX2 in cost:
        show("iceoryx2 blackboard", cost[ICEORYX2], "of the reused view", ours, ">= 8x")
    else:
        print("iceoryx2 blackboard: not measured, iceoryx2 is not installed", file=TEXT)
    if REDIS in cost:
        show("Redis GET, redis-py", cost[REDIS], "of the reused view", ours, ">= 1,000x")
    if REDIS_SOCKET in cost:
        show("Redis GET, bare socket", cost[REDIS_SOCKET], "of the reused view", ours)
    else:
        print("Redis GET: not measured, there is no redis-server on PATH", file=TEXT)
    show("NATS key-value bucket", cost[NATS], "of the reused view", ours, ">= 1,000x")
    show("gRPC unary call", cost[GRPC], "of the reused view", ours, ">= 4,000x")


def iceoryx2_entry(image: bytes) -> dict[str, Any]:
    """The record as a blackboard entry, with all that must stay alive for it; only where iceoryx2 is installed."""
    iox2 = importlib.import_module("iceoryx2")
    iox2.set_log_level(iox2.LogLevel.Error)
    service_name = iox2.ServiceName.new(f"solquote-bench-{os.getpid()}")
    node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)
    creator = node.service_builder(service_name).blackboard_creator(BlackboardKey)
    service = creator.add(BlackboardKey(7), BlackboardRecord.from_buffer_copy(image)).create()
    writer, reader = service.writer_builder().create(), service.reader_builder().create()
    kept = (node, service, writer, reader)
    return {"blackboard": reader.entry(BlackboardKey(7), BlackboardRecord), "Record": BlackboardRecord, "kept": kept}


class BlackboardKey(ctypes.Structure):
    """An entry's number."""

    _fields_ = (("row", ctypes.c_uint32),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlackboardKey) and self.row == other.row

    def __hash__(self) -> int:
        return int(self.row)


class BlackboardRecord(ctypes.Structure):
    """The record: the fields before the one that is read, and the rest."""

    _fields_ = (
        ("version", ctypes.c_uint64),
        ("input_amount", ctypes.c_uint64),
        ("output_amount", ctypes.c_uint64),
        ("rest", ctypes.c_uint8 * (RECORD.size - 24)),
    )


@contextmanager
def nats_bucket(image: bytes, directory: Path) -> Iterator[Callable[[], bytes]]:
    """A real nats-server with the record in a key-value bucket in memory."""
    folder = directory / "nats"
    folder.mkdir()
    config = folder / "nats.conf"
    config.write_text(f'listen: "127.0.0.1:-1"\nports_file_dir: "{folder}"\njetstream {{ store_dir: "{folder}" }}\n')
    binary = Path(sysconfig.get_path("scripts")) / "nats-server"
    with subprocess.Popen([binary, "-c", config], stderr=subprocess.DEVNULL) as server:
        loop = asyncio.new_event_loop()
        try:
            client = loop.run_until_complete(nats.connect(server_url(folder)))
            bucket = loop.run_until_complete(
                client.jetstream().create_key_value(bucket="quotes", storage=nats.js.api.StorageType.MEMORY)
            )
            loop.run_until_complete(bucket.put("seven", image))
            yield lambda: loop.run_until_complete(bucket.get("seven")).value or b""
            loop.run_until_complete(client.close())
        finally:
            loop.close()
            server.kill()


def server_url(folder: Path) -> str:
    """Where the server listens, once it has said so."""
    deadline = time.monotonic() + 10
    while not (written := [path for path in folder.glob("*.ports") if path.stat().st_size]):
        assert time.monotonic() < deadline, "nats-server did not start"
    return str(json.loads(written[0].read_text())["nats"][0])


REDIS_HEADER = b"$%d\r\n" % RECORD.size


@contextmanager
def redis_peer(image: bytes, directory: Path, binary: str) -> Iterator[tuple[Callable[[], bytes], tuple[str, int]]]:
    """A real redis-server that keeps nothing on disk; yields a GET of the record, and where the server listens.

    The GET is a bare socket's, charged for the round trip alone, and answers header and record; what a Python program
    pays with the usual client library is measured beside it.
    """
    folder = directory / "redis"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        address: tuple[str, int] = free.getsockname()
    listen = ["--bind", address[0], "--port", str(address[1])]
    command = [binary, *listen, "--dir", str(folder), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            with connected(address, server) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(redis_command(b"SET", LMDB_KEY, image))
                assert connection.recv(REPLY_BYTES) == b"+OK\r\n"
                request = redis_command(b"GET", LMDB_KEY)

                def get() -> bytes:
                    connection.sendall(request)
                    return connection.recv(REPLY_BYTES)  # in one piece; of a shorter one unpacking would fail

                assert get() == REDIS_HEADER + image + b"\r\n"
                yield get, address
        finally:
            server.kill()


def redis_command(*words: bytes) -> bytes:
    """The words as Redis takes them: their count, then each behind its length."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def connected(address: tuple[str, int], server: subprocess.Popen[bytes]) -> socket.socket:
    """A connection, once the server accepts one."""
    deadline = time.monotonic() + 10
    while True:
        assert server.poll() is None, "redis-server ended"
        try:
            return socket.create_connection(address)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.01)


@contextmanager
def raw_memory(image: bytes) -> Iterator[shared_memory.SharedMemory]:
    """The record at its place in shared memory."""
    memory = shared_memory.SharedMemory(create=True, size=layout.FILE_BYTES)
    try:
        offset = layout.ENTRY.offset + 7 * layout.ENTRY.size_bytes
        assert memory.buf is not None
        memory.buf[offset : offset + len(image)] = image
        yield memory
    finally:
        memory.close()
        memory.unlink()


@contextmanager
def lmdb_database(image: bytes, directory: Path) -> Iterator[lmdb.Environment]:
    """The record under its pair and amount; a read takes a transaction of its own, as a fresh value needs."""
    with lmdb.open(str(directory / "lmdb"), map_size=1 << 24) as database:
        with database.begin(write=True) as transaction:
            transaction.put(LMDB_KEY, image)
        yield database


@contextmanager
def grpc_peer(image: bytes) -> Iterator[Callable[[bytes], bytes]]:
    """Another process's gRPC server that answers with the record."""
    read_end, write_end = os.pipe()
    command = [sys.executable, __file__, "--serve", image.hex(), str(write_end)]
    with subprocess.Popen(command, pass_fds=(write_end,)) as server:
        try:
            port = int(os.read(read_end, 16))
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/peer/read", None, None)
                yield call
        finally:
            server.kill()


def serve(image: bytes, ready: int) -> None:
    """Be the gRPC peer's server."""
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(lambda request, context: image)
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
            names: dict[str, Any] = {
                "empty": timing.Empty(),
                "quotes": quotes,
                "writer": writer,
                "handle": handles[0],
                "second": handles[1],
                "third": handles[2],
            }
            assert all(handles)
            assert len(quotes.poll()) == ROWS < ENTRY_COUNT
            reading(names, timing)
            writing(names)
            other_sizes(names, directory / "sized")
            peers(names, directory)
        under_load(names, directory, timing)
    if "--json" in sys.argv:
        print(json.dumps([asdict(figure) for figure in FIGURES]))


if __name__ == "__main__":
    main()
