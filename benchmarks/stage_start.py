"""How long each stage that has a past takes from its start to its first work, with a million results behind it.

    python benchmarks/stage_start.py [--results 1000000] [--rounds 5]

A fresh nats-server; every process is one of its own, as its supervisor starts it, killed without warning at the end.

| stage          | its first work                                           | what it starts from            |
|----------------|----------------------------------------------------------|--------------------------------|
| auditor        | ready, and its sums have the result that came meanwhile  | `auditor.checkpoint`           |
| history        | that result is a row of the database; in the auditor     | the place in the database      |
| event logger   | that result is in the journal                            | the journal's newest file      |
| system manager | ready: it vouches, and its rules know what was traded    | `kill-switch.checkpoint`       |
| planner        | ready: it takes opportunities                            | its durable consumer           |
| executor       | ready: it takes plans and knows the depth taken lately   | its durable consumer, the time |

The scanner reads no stream but the newest switch state. Timed from before the process is made. The reference, in the
same run, is the same stage with a handful of results behind it, of which one came while it was away: what a process
and its connections take. Then the results come, and it reads them all, which is told beside; and then the same again:
one more result, and a start. Floor: the median start takes less than 3 s more than the reference; exit 1 if missed.
"""

import sys
from pathlib import Path

sys.path.pop(0)  # this file's folder, where other files are named like packages
sys.path.insert(0, str(Path(__file__).parents[1]))

import argparse
import asyncio
import contextlib
import os
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.manager_start import fill, nats_server, result
from pipeline.auditor.checkpoint import FILE_NAME
from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import connect
from solquote.supervisor.ports import KeptPorts

FLOOR_S: Final = 3.0
ANSWER_S: Final = 3_600.0
LOOK_S: Final = 0.01
JOURNAL_END_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Stage:
    """What is started, and how it is seen to work; `count` results are on EXECUTED, the newest is `plan_id`'s."""

    name: str
    module: str
    is_at_work: Callable[["Child", Path, int, bytes], bool]
    kept: str = ""
    """What the first start leaves in the data folder, once it is done."""


class Child:
    """A stage's process and what it says of itself."""

    def __init__(self, module: str, folder: Path, environ: Mapping[str, str]) -> None:
        self._address = folder / "notify"
        self._address.unlink(missing_ok=True)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self._address))
        self._notify.setblocking(False)
        self.lines: list[str] = []
        self.began_unix_ns = time.time_ns()
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"pipeline.{module}"],
            env={**os.environ, **environ, "NOTIFY_SOCKET": str(self._address)},
            stderr=subprocess.DEVNULL,
        )

    def is_ready(self) -> bool:
        """Whether it has said so."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.lines.append(self._notify.recv(4096).decode())
        assert self.process.poll() is None, self.lines[-1:]
        return any("READY=1" in line for line in self.lines)

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()
        self._notify.close()


def has_told_its_sums(child: Child, data: Path, count: int, plan_id: bytes) -> bool:
    """The auditor's first ready line has the result that came while it was away."""
    if not child.is_ready():
        return False
    first = next(line for line in child.lines if "READY=1" in line)
    assert f"over {count} trades" in first, first
    return True


def has_written_a_row(child: Child, data: Path, count: int, plan_id: bytes) -> bool:
    """The history has the newest result."""
    child.is_ready()
    try:
        with contextlib.closing(sqlite3.connect(f"file:{data / 'history.db'}?mode=ro", uri=True)) as database:
            found = database.execute("select sequence from places where stream = 'EXECUTED'").fetchone()
    except sqlite3.OperationalError:  # not made yet
        return False
    return (found[0] if found else 0) >= count


def has_written_a_record(child: Child, data: Path, count: int, plan_id: bytes) -> bool:
    """The end of the journal has the newest result."""
    if not child.is_ready():
        return False
    newest = max((data / "journal").glob("*.journal"), default=None)
    if newest is None:
        return False
    with newest.open("rb") as file:
        file.seek(max(0, newest.stat().st_size - JOURNAL_END_BYTES))
        return plan_id in file.read()


def says_ready(child: Child, data: Path, count: int, plan_id: bytes) -> bool:
    """It says that it does its job."""
    return child.is_ready()


STAGES: Final = (
    Stage("auditor", "auditor", has_told_its_sums, FILE_NAME),
    Stage("history", "auditor", has_written_a_row),
    Stage("event logger", "event_logger", has_written_a_record),
    Stage("system manager", "system_manager", says_ready, "kill-switch.checkpoint"),
    Stage("planner", "planner", says_ready),
    Stage("executor", "executor", says_ready),
)


def main() -> int:
    """Measure, print, and say whether the floor was held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, nats_server(Path(folder)) as url:
        return asyncio.run(measure(url, Path(folder), arguments.results, arguments.rounds))


async def measure(url: str, folder: Path, count: int, rounds: int) -> int:
    """Every stage with nothing behind it; then its first start, and the further ones."""
    async with connect(url, name="benchmark") as bus:
        await repair(bus, STREAMS)
    with http_port() as port:
        environ = {
            "SOLQUOTE_NATS_URL": url,
            "SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT": str(port),
            **{f"SOLQUOTE_{each.module.upper()}_METRICS_PORT": "0" for each in STAGES},
        }
        bench = Bench(url, folder, environ)
        reference_s = {}
        for each in STAGES:
            await bench.start(each)
            reference_s[each.name] = median([await bench.start(each) for _ in range(rounds)])
        began_s = time.perf_counter()
        await bench.publish(count)
        print(f"{bench.count:,} results on EXECUTED, published in {time.perf_counter() - began_s:.0f} s", flush=True)
        print("".join([f"{'stage':15}", *(f"{name:>14}" for name in ("nothing", "much to read", "start", "more"))]))
        is_held = True
        for each in STAGES:
            much_s = await bench.start(each)
            again_s = median([await bench.start(each) for _ in range(rounds)])
            more_s = again_s - reference_s[each.name]
            is_held = is_held and more_s < FLOOR_S
            told_s = (reference_s[each.name], much_s, again_s, more_s)
            print(f"{each.name:15}" + "".join(f"{seconds:12.2f} s" for seconds in told_s), flush=True)
    return 0 if is_held else 1


@dataclass
class Bench:
    """A bus, and a data folder for each stage."""

    url: str
    folder: Path
    environ: Mapping[str, str]
    count: int = 0
    """Results on EXECUTED."""

    async def publish(self, count: int) -> None:
        """Further results."""
        await fill(self.url, count, first_number=self.count)
        self.count += count

    async def start(self, stage: Stage) -> float:
        """Seconds from before the process is made until its first work, a result having come; its place is kept."""
        await self.publish(1)
        data = self.folder / stage.name
        data.mkdir(mode=0o700, exist_ok=True)
        own = {"SOLQUOTE_DATA_DIR": str(data), "SOLQUOTE_HISTORY_ENABLED": str(stage.name == "history").lower()}
        plan_id = result(self.count - 1).plan_id
        began_s = time.perf_counter()
        child = Child(stage.module, data, {**self.environ, **own})
        try:
            wait_until(lambda: stage.is_at_work(child, data, self.count, plan_id))
            took_s = time.perf_counter() - began_s
            if stage.kept:
                kept = data / stage.kept
                wait_until(lambda: kept.exists() and kept.stat().st_mtime_ns > child.began_unix_ns)
        finally:
            child.end()
        return took_s


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again: a process and a file tell nobody."""
    until_s = time.perf_counter() + ANSWER_S
    while not condition():
        assert time.perf_counter() < until_s, "no answer"
        time.sleep(LOOK_S)


@contextlib.contextmanager
def http_port() -> Iterator[int]:
    """A port that nobody else takes meanwhile."""
    ports = KeptPorts()
    try:
        yield ports.take("127.0.0.1")
    finally:
        ports.close()


if __name__ == "__main__":
    sys.exit(main())
