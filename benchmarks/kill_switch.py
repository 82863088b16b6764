"""From the POST that stops trading to the last of five processes that says it stopped, under 1,000 events a second.

    python benchmarks/kill_switch.py [--rounds 100] 2>/dev/null    (beside the figures come the audit's own lines)

The path: `POST /api/killswitch/enable` to the manager, whose answer means that the SYSTEM stream has the stop; each of
five processes with a `TradingGate` and a `HealthReporter`, as scanner, planner and executor have, notes the
CLOCK_MONOTONIC time at which its gate closed, and acknowledges the revision on the METRICS stream, where this process
hears it. A sixth process publishes the load. The reference, in the same run: a plain core NATS message to the same five
processes. Floor: the last acknowledgement within 20 ms at p99, or, where the machine is so busy that even a plain
message takes longer, within 1.5 times that; exit 1 if missed.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import aiohttp

from pipeline.health import HealthReporter
from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from pipeline.system_manager.checkpoint import CheckpointFile
from pipeline.system_manager.http_api import make_application
from pipeline.system_manager.latch import Latch
from pipeline.system_manager.manager import Manager
from pipeline.system_manager.registration import Registration
from pipeline.system_manager.rules import Rules
from pipeline.system_manager.settings import SystemManagerSettings
from pipeline.system_manager.token import known_token, load_or_make_token
from pipeline.system_manager.witness import WitnessFile
from pipeline.trading_gate import TradingGate
from quote_core.access.control import AccessControl
from quote_core.bus import Bus, connect
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Event, Lifecycle, Phase, ServiceHealth, encode, stamp
from quote_core.health import WorkFigures
from quote_core.serving import serve_http
from quote_core.settings import PlatformSettings
from quote_core.telemetry.logs import start_logs
from quote_core.units import NS_PER_S
from solquote.supervisor.nats_server import find_nats_server
from solquote.supervisor.ports import KeptPorts

GATE_COUNT: Final = 5
GATE_NAME: Final = "scanner"
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
        reporter = HealthReporter(
            bus, service=GATE_NAME, clock=SYSTEM_CLOCK, interval_ns=NS_PER_S, work=WorkFigures, gate=gate
        )
        tasks.create_task(reporter.run())
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


class Heard:
    """When each of the five was first heard to go by a revision."""

    def __init__(self) -> None:
        self._at_ns: dict[int, dict[str, int]] = {}
        self._more = asyncio.Event()

    def take(self, event: Event) -> None:
        """Note one report."""
        if isinstance(event, ServiceHealth):
            self._at_ns.setdefault(event.switch_revision, {}).setdefault(event.instance, SYSTEM_CLOCK.mono_ns())
            self._more.set()

    async def last(self, revision: int) -> int:
        """Time at which the last of them had acknowledged `revision`."""
        async with asyncio.timeout(ANSWER_S):
            while len(self._at_ns.get(revision, ())) < GATE_COUNT:
                self._more.clear()
                await self._more.wait()
        return max(self._at_ns.pop(revision).values())


class Switch:
    """The manager's HTTP API, as `solquote kill` uses it."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{port}/api/killswitch/"

    async def change(self, action: str) -> int:
        """Enable or disable it; the revision that is stored by then."""
        async with self._session.post(self._url + action, json={"reason": "benchmark"}) as answer:
            answer.raise_for_status()
            revision: int = (await answer.json())["revision"]
            return revision


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
        token_path = folder / "token"
        access = AccessControl(PlatformSettings(), own=partial(known_token, token_path))
        application = make_application(manager, access)
        port = await stack.enter_async_context(serve_http(application, host="127.0.0.1", port=0))
        session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {load_or_make_token(token_path).get_secret_value()}"}
        )
        switch = Switch(await stack.enter_async_context(session), port)
        heard = Heard()
        await bus.listen(f"metrics.health.{GATE_NAME}", heard.take)
        gates = Gates([await stack.enter_async_context(child("--gate", url)) for _ in range(GATE_COUNT)])
        await stack.enter_async_context(child("--load", url))
        await gates.last("ACTIVE")
        stops, acknowledged, references = [], [], []
        for _ in range(rounds):
            stop_ms, acknowledged_ms = await stop_once(switch, gates, heard)
            stops.append(stop_ms)
            acknowledged.append(acknowledged_ms)
            references.append(await refer_once(bus, gates))
    return report(stops, acknowledged, references)


async def stop_once(switch: Switch, gates: Gates, heard: Heard) -> tuple[float, float]:
    """Milliseconds from the POST to the last gate's closing, and to the last acknowledgement; then release."""
    began_ns = SYSTEM_CLOCK.mono_ns()
    revision, closed_ns = await asyncio.gather(switch.change("enable"), gates.last("HALTED"))
    heard_ns = await heard.last(revision)
    revision, _ = await asyncio.gather(switch.change("disable"), gates.last("ACTIVE"))
    await heard.last(revision)
    return (closed_ns - began_ns) / 1e6, (heard_ns - began_ns) / 1e6


async def refer_once(bus: Bus, gates: Gates) -> float:
    """Milliseconds of a plain message to the same processes."""
    began_ns = SYSTEM_CLOCK.mono_ns()
    await bus.push(an_event(), subject=REFERENCE_SUBJECT)
    return (await gates.last("reference") - began_ns) / 1e6


def report(stops: list[float], acknowledged: list[float], references: list[float]) -> int:
    """Print them, and say whether the floor holds."""
    named = (
        ("stop, last of five", stops),
        ("acknowledged, last of five", acknowledged),
        ("plain message, last of five", references),
    )
    for name, times in named:
        print(f"{name:30} p50 {median(times):7.2f} ms   p99 {p99(times):7.2f} ms   max {max(times):7.2f} ms")
    ratio = median(stops) / median(references)
    floor_ms = max(FLOOR_P99_MS, FLOOR_RATIO * p99(references))
    print(f"a stop takes {ratio:.1f} times a plain message; floor p99 {floor_ms:.0f} ms")
    return 0 if p99(acknowledged) < floor_ms else 1


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
