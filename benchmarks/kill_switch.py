"""How long from the wish to stop until the last of five trading processes has stopped, under 1,000 events a second.

    python benchmarks/kill_switch.py [--rounds 100]

The path: `Manager.change` writes the stop to the SYSTEM stream, and each of five processes with a
`TradingGate` notes the CLOCK_MONOTONIC time at which its gate closed. A sixth process publishes the load. The
reference, in the same run: a plain core NATS message to the same five processes. Floor: p99 under
20 ms, or, where the machine is so busy that even a plain message takes longer, within 1.5 times that; exit 1 if missed.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from pipeline.system_manager.change import MANUAL, SwitchChange
from pipeline.system_manager.checkpoint import CheckpointFile
from pipeline.system_manager.latch import Latch
from pipeline.system_manager.manager import Manager
from pipeline.system_manager.registration import Registration
from pipeline.system_manager.rules import Rules
from pipeline.system_manager.settings import SystemManagerSettings
from pipeline.system_manager.witness import WitnessFile
from pipeline.trading_gate import TradingGate
from quote_core.bus import Bus, connect
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Lifecycle, Phase, TradingState, encode, stamp
from quote_core.settings import PlatformSettings
from quote_core.telemetry.logs import start_logs
from solquote.supervisor.nats_server import find_nats_server
from solquote.supervisor.ports import KeptPorts

GATE_COUNT: Final = 5
LOAD_PER_S: Final = 1_000
LOAD_SUBJECT: Final = "opportunity.two_hop.load"
REFERENCE_SUBJECT: Final = "benchmark.reference"
FLOOR_P99_MS: Final = 20.0
FLOOR_RATIO: Final = 1.5
SILENCE_NS: Final = 3_000_000_000
ANSWER_S: Final = 30.0


def main() -> int:
    """Play the part the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--gate", metavar="NATS_URL", help=argparse.SUPPRESS)
    parser.add_argument("--load", metavar="NATS_URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    start_logs("benchmark", "error")
    if arguments.gate:
        asyncio.run(be_a_gate(arguments.gate))
    elif arguments.load:
        asyncio.run(be_the_load(arguments.load))
    else:
        return asyncio.run(measure(arguments.rounds))
    return 0


async def be_a_gate(url: str) -> None:
    """Print the time of every change of the gate, and of every reference message."""
    gate = TradingGate(nats_url=url, name="benchmark", clock=SYSTEM_CLOCK, silence_ns_max=SILENCE_NS)

    async def report() -> None:
        while True:
            await gate.changed.wait()
            gate.changed.clear()
            print(gate.state.name, SYSTEM_CLOCK.mono_ns(), flush=True)

    async with connect(url, name="reference") as bus, asyncio.TaskGroup() as tasks:
        await bus.listen(REFERENCE_SUBJECT, lambda _: print("reference", SYSTEM_CLOCK.mono_ns(), flush=True))
        tasks.create_task(report())
        await gate.run()


async def be_the_load(url: str) -> None:
    """Publish to a stream at a steady pace."""
    async with connect(url, name="load") as bus:
        data, began_ns, sent = encode(an_event()), SYSTEM_CLOCK.mono_ns(), 0
        while True:
            while sent < (SYSTEM_CLOCK.mono_ns() - began_ns) * LOAD_PER_S // 1_000_000_000:
                await bus.client.publish(LOAD_SUBJECT, data)
                sent += 1
            await asyncio.sleep(0.005)


def an_event() -> Lifecycle:
    """Something to send."""
    return Lifecycle(header=stamp(SYSTEM_CLOCK), service="x", instance="1", phase=Phase.READY, pid=1, detail="x" * 200)


class Gates:
    """The five processes."""

    def __init__(self, processes: list[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    async def last(self, word: str) -> int:
        """Time at which the last of them printed `word`."""
        async with asyncio.timeout(ANSWER_S):
            return max(await asyncio.gather(*(self._time_of(process, word) for process in self._processes)))

    @staticmethod
    async def _time_of(process: asyncio.subprocess.Process, word: str) -> int:
        assert process.stdout is not None
        async for line in process.stdout:
            said, at_ns = line.decode().split()
            if said == word:
                return int(at_ns)
        raise RuntimeError("a gate has ended")


async def measure(rounds: int) -> int:
    """Stop, release and send the reference, `rounds` times."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = await stack.enter_async_context(nats_server(folder))
        bus = await stack.enter_async_context(connect(url, name="benchmark"))
        await repair(bus, STREAMS)
        manager = make_manager(folder / "latched")
        managing = asyncio.create_task(manager.run(bus))
        stack.callback(managing.cancel)
        gates = Gates([await stack.enter_async_context(child("--gate", url)) for _ in range(GATE_COUNT)])
        await stack.enter_async_context(child("--load", url))
        await gates.last("ACTIVE")
        stops, references = [], []
        for _ in range(rounds):
            stops.append(await stop_once(manager, gates))
            references.append(await refer_once(bus, gates))
    return report(stops, references)


async def stop_once(manager: Manager, gates: Gates) -> float:
    """Milliseconds from the wish to the last gate's closing; then release."""
    began_ns = SYSTEM_CLOCK.mono_ns()
    _, last_ns = await asyncio.gather(
        manager.change(SwitchChange(TradingState.HALTED, MANUAL, "benchmark")), gates.last("HALTED")
    )
    await asyncio.gather(manager.change(SwitchChange(TradingState.ACTIVE, MANUAL, "benchmark")), gates.last("ACTIVE"))
    return (last_ns - began_ns) / 1e6


async def refer_once(bus: Bus, gates: Gates) -> float:
    """Milliseconds of a plain message to the same processes."""
    began_ns = SYSTEM_CLOCK.mono_ns()
    await bus.push(an_event(), subject=REFERENCE_SUBJECT)
    return (await gates.last("reference") - began_ns) / 1e6


def report(stops: list[float], references: list[float]) -> int:
    """Print both, and say whether the floor holds."""
    for name, times in (("stop, last of five", stops), ("plain message, last of five", references)):
        print(f"{name:30} p50 {median(times):7.2f} ms   p99 {p99(times):7.2f} ms   max {max(times):7.2f} ms")
    ratio = median(stops) / median(references)
    floor_ms = max(FLOOR_P99_MS, FLOOR_RATIO * p99(references))
    print(f"a stop takes {ratio:.1f} times a plain message; floor p99 {floor_ms:.0f} ms")
    return 0 if p99(stops) < floor_ms else 1


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return quantiles(times, n=100)[98]


def make_manager(witness: Path) -> Manager:
    """A manager with its usual settings."""
    latch = Latch(clock=SYSTEM_CLOCK, witness=WitnessFile(witness), restate_after_ns=10**18)
    settings = SystemManagerSettings()
    return Manager(
        Rules(settings.limits(PlatformSettings()), since_unix_ns=SYSTEM_CLOCK.unix_ns()),
        latch,
        Registration("benchmark", takes_over="", where="", clock=SYSTEM_CLOCK, restate_after_ns=10**18),
        CheckpointFile(witness.with_name("checkpoint")),
        clock=SYSTEM_CLOCK,
        heartbeat_interval_ns=settings.heartbeat_interval,
        rate_window_ns=settings.rate_window,
    )


@contextlib.asynccontextmanager
async def child(option: str, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """This file in another process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, option, url, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def nats_server(folder: Path) -> AsyncIterator[str]:
    """A server configured as the platform's own."""
    ports = KeptPorts()
    port = ports.take("127.0.0.1")
    config = folder / "nats.conf"
    jetstream = json.dumps(str(folder / "jetstream"))
    config.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: {jetstream}, sync_interval: always }}\n')
    process = await asyncio.create_subprocess_exec(find_nats_server(), "--config", config, stderr=subprocess.DEVNULL)
    try:
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()
        ports.close()


if __name__ == "__main__":
    sys.exit(main())
