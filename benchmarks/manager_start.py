"""How long trading stays closed while the system manager learns what was traded before it started.

    python benchmarks/manager_start.py [--results 200000]

A fresh nats-server gets so many results on EXECUTED. Timed is the way from a new manager to its first heartbeat: at the
first start, which reads them all, and at further ones, which go on behind the checkpoint. The figure for a week at
the promised 50 results a second is the first one multiplied. Floor: a start with a checkpoint takes under a second and
reads nothing that the checkpoint has counted; exit 1 if missed.
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import nats

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from pipeline.system_manager.checkpoint import CheckpointFile
from pipeline.system_manager.latch import Latch
from pipeline.system_manager.manager import Manager
from pipeline.system_manager.registration import Registration
from pipeline.system_manager.rules import Rules
from pipeline.system_manager.settings import SystemManagerSettings
from pipeline.system_manager.witness import WitnessFile
from quote_core.bus import Bus, connect
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import (
    KILL_SWITCH_HEARTBEAT,
    ExecutionMode,
    ExecutionResult,
    Outcome,
    derived_id,
    encode,
    stamp,
    subject_of,
)
from quote_core.settings import PlatformSettings
from quote_core.telemetry.logs import start_logs
from solquote.supervisor.nats_server import find_nats_server
from solquote.supervisor.ports import KeptPorts

WEEK_COUNT: Final = 50 * 86_400 * 7
FLUSH_COUNT: Final = 500
ROUNDS: Final = 5
FLOOR_S: Final = 1.0
ANSWER_S: Final = 600.0


def main() -> int:
    """Measure, print, and say whether the floor was held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=200_000)
    arguments = parser.parse_args()
    start_logs("benchmark", "error")
    with tempfile.TemporaryDirectory() as folder, nats_server(Path(folder)) as url:
        return asyncio.run(measure(url, Path(folder), arguments.results))


async def measure(url: str, folder: Path, count: int) -> int:
    """The first start, then further ones."""
    async with connect(url, name="benchmark") as bus:
        await repair(bus, STREAMS)
    await fill(url, count)
    async with connect(url, name="benchmark") as bus:
        first_s, read_count = await start(bus, folder)
        assert read_count == count, read_count
        later = [await start(bus, folder) for _ in range(ROUNDS)]
    later_s = sorted(seconds for seconds, _ in later)[ROUNDS // 2]
    week_min = first_s / count * WEEK_COUNT / 60
    print(
        f"reading {count} results: {first_s:.2f} s until the first heartbeat, {count / first_s:,.0f} results a second"
    )
    print(f"  a week at 50 a second, {WEEK_COUNT:,} results, would take {week_min:.0f} min")
    print(f"with the checkpoint: {later_s * 1e3:.0f} ms, {max(read for _, read in later)} results read")
    return 0 if later_s < FLOOR_S and all(read == 0 for _, read in later) else 1


async def fill(url: str, count: int, *, first_number: int = 0) -> None:
    """Publish results as an executor does, but wait for the stream only now and then."""
    client = await nats.connect(url)
    try:
        jetstream = client.jetstream(timeout=ANSWER_S)
        last_number = first_number + count - 1
        for number in range(first_number, first_number + count):
            event = result(number)
            if number % FLUSH_COUNT and number < last_number:
                await client.publish(subject_of(event), encode(event))
            else:  # the stream takes them in order, so with this one it has those before it
                await jetstream.publish(subject_of(event), encode(event))
    finally:
        await client.close()


def result(number: int) -> ExecutionResult:
    """A fill."""
    header = stamp(SYSTEM_CLOCK)
    return ExecutionResult(
        header=header,
        plan_id=derived_id("plan", number),
        opportunity_id=derived_id("opportunity", number),
        pair="SOL-USDC",
        outcome=Outcome.FILLED,
        mode=ExecutionMode.PAPER,
        reason="",
        hops=(),
        amount_in=10**9,
        expected_amount_out=10**9 + 10**6,
        actual_amount_out=10**9 + 10**6,
        expected_profit_lamports=10**6,
        profit_lamports=10**5,
        flash_fee_lamports=0,
        tip_lamports=0,
        network_fee_lamports=5_000,
        opportunity_created_unix_ns=header.created_unix_ns,
        plan_created_unix_ns=header.created_unix_ns,
        taken_unix_ns=header.created_unix_ns,
        finished_unix_ns=header.created_unix_ns,
        executor="benchmark",
    )


async def start(bus: Bus, folder: Path) -> tuple[float, int]:
    """Seconds until a new manager vouches, and the results it has read by then; it ends with a checkpoint kept."""
    vouched = asyncio.Event()
    settings = SystemManagerSettings()
    checkpoint = folder / "checkpoint"
    is_first = not checkpoint.exists()
    url = bus.client.connected_url
    assert url is not None, "the bus is not connected"
    async with connect(url.geturl(), name="listener") as listener:
        await listener.listen(KILL_SWITCH_HEARTBEAT, lambda _: vouched.set())
        began_s = time.perf_counter()
        manager = Manager(
            Rules(settings.limits(PlatformSettings()), since_unix_ns=0),
            Latch(clock=SYSTEM_CLOCK, witness=WitnessFile(folder / "latched"), restate_after_ns=10**18),
            Registration("benchmark", takes_over="", where="", clock=SYSTEM_CLOCK, restate_after_ns=10**18),
            CheckpointFile(checkpoint),
            clock=SYSTEM_CLOCK,
            heartbeat_interval_ns=settings.heartbeat_interval,
            rate_window_ns=settings.rate_window,
        )
        running = asyncio.create_task(manager.run(bus))
        async with asyncio.timeout(ANSWER_S):
            await vouched.wait()
            took_s = time.perf_counter() - began_s
            while is_first and not checkpoint.exists():  # noqa: ASYNC110  # a file tells nobody that it is there
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return took_s, manager.results_read_count


@contextlib.contextmanager
def nats_server(folder: Path) -> Iterator[str]:
    """A server with an empty store."""
    ports = KeptPorts()
    port = ports.take("127.0.0.1")
    config = folder / "nats.conf"
    config.write_text(
        f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder / "jetstream"}", max_mem: 16G, max_file: 1T }}\n'
    )
    process = subprocess.Popen(
        [find_nats_server(), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        ports.close()


if __name__ == "__main__":
    sys.exit(main())
