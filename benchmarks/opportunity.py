"""From a published opportunity to its paper fill, with the real planner and executor, each a process of its own.

    python benchmarks/opportunity.py [--seconds 5] [--rates 100 500] [--count 2500] [--json]

The path: this process publishes opportunities to a real nats-server that syncs every message to disk; the planner
judges, simulates and publishes a plan; the executor claims it, fills it on paper and stores the result. Both simulate
over gRPC with a stand-in here that answers at once, so the pools' arithmetic is not in the figure. Counted from the
opportunity's creation to the end of its fill. References, in the same run: one publish to a file stream and one
SimulateRoute call; the path has two of each, one after the other. Floor: p99 under 10 ms at 500/s; a missed one is
printed, nothing more. The load and the stand-in take about as much of the machine as the two stages: 4 to 9 ms of
CPU an opportunity in all, as the machine is, so that two cores are full at 250 to 500/s.

Beside the latency stands what each process took of a processor, for each opportunity offered. The row `one after
another` offers `--count` of them, `IN_HAND_COUNT` at once, as fast as they are filled: what it says of the processor
holds on a machine that has other work, too, and its latency says nothing.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, where other files are named like packages
    sys.path.insert(0, str(Path(__file__).parents[1]))

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from statistics import quantiles
from typing import Any, Final

import grpc
import grpc.aio
from solders.pubkey import Pubkey as SoldersPubkey

from benchmarks.process_use import processor_s
from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from pipeline.simulation import RouteHopRequest
from pipeline.simulation_client import connect_simulator
from quote_core.access.caller import Caller
from quote_core.bus import Bus, connect
from quote_core.clock import SYSTEM_CLOCK, Moment, moment
from quote_core.errors import ProviderUnavailable
from quote_core.events import (
    KILL_SWITCH_HEARTBEAT,
    Event,
    ExecutionResult,
    KillSwitch,
    Outcome,
    TradingState,
    TwoHopArbitrage,
    random_id,
    stamp,
)
from quote_core.freshness import Freshness
from quote_core.generated.solquote.v1 import local_quote_pb2 as messages
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.tokens import load_tokens
from quote_core.units import LAMPORTS_PER_SOL
from solquote.supervisor.nats_server import find_nats_server
from solquote.supervisor.ports import KeptPorts

HOST: Final = "127.0.0.1"
RATES_PER_S: Final = (100, 500)
COUNT: Final = 2_500
IN_HAND_COUNT: Final = 16
LOST_S: Final = 2.0
"""An opportunity without a fill for so long will have none: it was too old, on a machine that stood still."""
REFERENCE_COUNT: Final = 300
FLOOR_RATE_PER_S: Final = 500
FLOOR_P99_MS: Final = 10.0
READY_S: Final = 60.0
DRAIN_S: Final = 2.0
ANSWER_NS_MAX: Final = 50_000_000
AMOUNT_OUT: Final = LAMPORTS_PER_SOL * 101 // 100
POOLS: Final = tuple(str(SoldersPubkey(bytes([number]) * 32)) for number in (1, 2))
PAIR: Final = load_tokens().pairs[0]


class StandIn(grpc.GenericRpcHandler):
    """Answers every route at once: one per cent gained, nothing lost to size.

    From bytes made twenty times a second, so that little of the machine goes to what is not measured.
    """

    def __init__(self) -> None:
        self._made_mono_ns = 0
        self._answer = b""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """See the class."""
        return grpc.unary_unary_rpc_method_handler(self._simulate)

    async def _simulate(self, request: bytes, context: object) -> bytes:
        now = moment(SYSTEM_CLOCK)
        if now.mono_ns - self._made_mono_ns > ANSWER_NS_MAX:
            self._made_mono_ns, self._answer = now.mono_ns, answer(now)
        return self._answer


def answer(now: Moment) -> bytes:
    """What the local quote service would say of the one route there is here."""
    message = messages.SimulateRouteResponse(
        output_amount=AMOUNT_OUT, slot=1, price_impacts=[0.0001] * 2, depth_amounts=[10**13] * 2
    )
    message.freshness.boot_id, message.freshness.vouched_slot = now.boot_id, 1
    message.freshness.vouched_mono_ns, message.freshness.vouched_unix_ns = now.mono_ns, now.unix_ns
    amounts, mints = (LAMPORTS_PER_SOL, 140_000_000, AMOUNT_OUT), (PAIR.base.mint, PAIR.quote.mint, PAIR.base.mint)
    for position, pool in enumerate(POOLS):
        message.route.add(
            pool_id=pool,
            input_mint=mints[position],
            output_mint=mints[position + 1],
            input_amount=amounts[position],
            output_amount=amounts[position + 1],
            provenance=quotes_pb2.PROVENANCE_SYNTHETIC,
        )
    return message.SerializeToString()


def opportunity() -> TwoHopArbitrage:
    now = moment(SYSTEM_CLOCK)
    gain = AMOUNT_OUT - LAMPORTS_PER_SOL
    return TwoHopArbitrage(
        header=stamp(SYSTEM_CLOCK, event_id=random_id(), slot=1),
        pair=f"{PAIR.base.symbol}-{PAIR.quote.symbol}",
        input_mint=PAIR.base.mint,
        middle_mint=PAIR.quote.mint,
        amount_in=LAMPORTS_PER_SOL,
        amount_middle=140_000_000,
        amount_out=AMOUNT_OUT,
        forward_route_id=1,
        reverse_route_id=2,
        forward_row=0,
        reverse_row=1,
        gross_profit_lamports=gain,
        net_profit_lamports=gain - 515_000,
        gross_profit_bps=100,
        flash_fee_lamports=500_000,
        tip_lamports=10_000,
        network_fee_lamports=5_000,
        confidence_bps=9_500,
        price_impact_ppm=200,
        quoted_unix_ns=now.unix_ns,
        created=now,
        freshness=Freshness(now, 1),
    )


@contextlib.asynccontextmanager
async def world(folder: Path) -> AsyncIterator[tuple[Bus, str, int, dict[str, str]]]:
    """NATS with its streams, the stand-in, and somebody who allows trading: bus, stand-in, NATS's process, settings."""
    ports = KeptPorts()
    nats_port = ports.take(HOST)
    config = folder / "nats.conf"
    # Without users: who may do what is not what is measured. Synced like the platform's own.
    config.write_text(
        f'listen: "{HOST}:{nats_port}"\njetstream {{ store_dir: "{folder / "nats"}", sync_interval: always }}\n'
    )
    url = f"nats://{HOST}:{nats_port}"
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((StandIn(),))
    address = f"{HOST}:{server.add_insecure_port(f'{HOST}:0')}"
    await server.start()
    nats = await asyncio.create_subprocess_exec(
        find_nats_server(), "-c", str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with connect(url, name="benchmark") as bus:
            await repair(bus, STREAMS)
            allowing = asyncio.create_task(allow_trading(bus))
            try:
                yield bus, address, nats.pid, {"SOLQUOTE_NATS_URL": url, "SOLQUOTE_LOCAL_QUOTE_ADDRESS": address}
            finally:
                allowing.cancel()
    finally:
        ports.close()
        await server.stop(None)
        nats.kill()
        await nats.wait()


async def allow_trading(bus: Bus) -> None:
    active = KillSwitch(
        header=stamp(SYSTEM_CLOCK),
        state=TradingState.ACTIVE,
        trigger="manual",
        reason="benchmark",
        actor="",
        revision=1,
        changed_unix_ns=0,
    )
    await bus.publish(active)
    while True:
        await bus.push(replace(active, sent=moment(SYSTEM_CLOCK)), subject=KILL_SWITCH_HEARTBEAT)
        await asyncio.sleep(0.1)


@contextlib.contextmanager
def stages(environ: dict[str, str], folder: Path) -> Iterator[dict[str, int]]:
    """The planner and the executor: their processes, by name."""
    environ = {
        **os.environ,
        **environ,
        "SOLQUOTE_DATA_DIR": str(folder),
        "SOLQUOTE_EXECUTOR_POOL_REST": "0s",  # the stand-in has but two pools
        "SOLQUOTE_EXECUTOR_TRADES_PER_MINUTE_MAX": "6000",  # more than is offered
        "SOLQUOTE_EXECUTOR_PAPER_NAIVE": "true",  # what is measured is our own time, not a landing
        "SOLQUOTE_PLANNER_METRICS_PORT": "0",  # a platform may run here, too
        "SOLQUOTE_EXECUTOR_METRICS_PORT": "0",
        "SOLQUOTE_LOG_LEVEL": "error",
    }
    children = {
        stage: subprocess.Popen([sys.executable, "-m", f"pipeline.{stage}"], env=environ)
        for stage in ("planner", "executor")
    }
    try:
        yield {stage: child.pid for stage, child in children.items()}
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            child.wait()


class Results:
    """Latency of every fill, as it is heard."""

    def __init__(self) -> None:
        self.filled_ms: list[float] = []
        self.other_count = 0
        self.hands = asyncio.Semaphore(0)
        """Grows by one with each."""

    def take(self, event: Event) -> None:
        """Note one result."""
        self.hands.release()
        if isinstance(event, ExecutionResult) and event.outcome is Outcome.FILLED:
            self.filled_ms.append((event.finished_unix_ns - event.opportunity_created_unix_ns) / 1e6)
        else:
            self.other_count += 1


class Processors:
    """What processes have taken of the processors since this was made; Linux's own count, in steps of a tick."""

    def __init__(self, processes: dict[str, int]) -> None:
        self._before_s = {name: processor_s(process) for name, process in processes.items()}
        self._processes = processes

    def ms_each(self, count: int) -> dict[str, float]:
        """By process, in milliseconds, for each of `count`."""
        return {
            f"{name}_cpu_ms": round((processor_s(process) - self._before_s[name]) * 1e3 / max(1, count), 3)
            for name, process in self._processes.items()
        }


async def offered(
    bus: Bus, results: Results, processes: dict[str, int], *, rate_per_s: int, seconds: float
) -> dict[str, Any]:
    """Publish at a rate, in time and not one after the other, and gather what becomes of it."""
    results.filled_ms.clear()
    results.other_count = 0
    processors = Processors(processes)
    start = time.monotonic()
    count = round(rate_per_s * seconds)
    async with asyncio.TaskGroup() as publishing:
        for number in range(count):
            await asyncio.sleep(max(0.0, start + number / rate_per_s - time.monotonic()))
            publishing.create_task(offer(bus))
    await asyncio.sleep(DRAIN_S)
    return {
        "what": f"opportunity to fill, {rate_per_s}/s",
        "offered": count,
        **spread(results.filled_ms),
        **processors.ms_each(count),
    }


async def one_after_another(bus: Bus, results: Results, processes: dict[str, int], *, count: int) -> dict[str, Any]:
    """Publish as fast as results come."""
    results.filled_ms.clear()
    results.hands = asyncio.Semaphore(IN_HAND_COUNT)
    processors = Processors(processes)
    for _ in range(count):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOST_S):
                await results.hands.acquire()
        await offer(bus)
    await asyncio.sleep(DRAIN_S)
    return {"what": "one after another", "offered": count, **spread(results.filled_ms), **processors.ms_each(count)}


async def offer(bus: Bus) -> None:
    """Publish one; on a machine that stands still it may go unconfirmed, and is missing among those done if it is."""
    with contextlib.suppress(ProviderUnavailable):
        await bus.publish(opportunity())


async def reference(what: str, call: Callable[[], Awaitable[object]]) -> dict[str, Any]:
    times_ms = []
    for _ in range(REFERENCE_COUNT):
        start_ns = time.monotonic_ns()
        await call()
        times_ms.append((time.monotonic_ns() - start_ns) / 1e6)
    return {"what": what, "offered": REFERENCE_COUNT, **spread(times_ms)}


def spread(times_ms: list[float]) -> dict[str, Any]:
    if len(times_ms) < 2:
        return {"count": len(times_ms), "p50_ms": None, "p99_ms": None}
    cuts = quantiles(times_ms, n=100)
    return {"count": len(times_ms), "p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2)}


async def measured(seconds: float, rates_per_s: Sequence[int], count: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with world(folder) as (bus, address, nats, environ):
            mints = (PAIR.base.mint, PAIR.quote.mint)
            hops = (
                RouteHopRequest(input_mint=mints[0], output_mint=mints[1]),
                RouteHopRequest(input_mint=mints[1], output_mint=mints[0]),
            )
            async with connect_simulator(address, Caller(), timeout_ns=60 * 10**9) as simulator:
                rows = [await reference("SimulateRoute", lambda: simulator.simulate(hops, 1))]
            rows.append(await reference("publish to a file", lambda: offer(bus)))
            results = Results()
            with stages(environ, folder) as children:
                processes = {**children, "nats": nats}
                await bus.listen("executed.>", results.take)
                await first_fill(bus, results)
                if count:
                    rows.append(await one_after_another(bus, results, processes, count=count))
                rows += [
                    await offered(bus, results, processes, rate_per_s=rate, seconds=seconds) for rate in rates_per_s
                ]
        return rows


async def first_fill(bus: Bus, results: Results) -> None:
    """Wait until the whole chain works."""
    async with asyncio.timeout(READY_S):
        while not results.filled_ms:
            await offer(bus)
            await asyncio.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rates", type=int, nargs="*", default=RATES_PER_S, help="a second")
    parser.add_argument("--count", type=int, default=COUNT, help="of those one after another; 0 = none")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = asyncio.run(measured(arguments.seconds, arguments.rates, arguments.count))
    if arguments.json:
        print(json.dumps(rows))
        return
    print(f"{'':<32}{'':>7}{'':>7}{'':>9}{'':>9}   CPU ms each: planner, executor, nats")
    print(f"{'what':<32}{'done':>7}{'of':>7}{'p50 ms':>9}{'p99 ms':>9}")
    for row in rows:
        told = f"{row['what']:<32}{row['count']:>7}{row['offered']:>7}{row['p50_ms']!s:>9}{row['p99_ms']!s:>9}"
        took = "".join(
            f"{row[name]:>9.3f}" for name in ("planner_cpu_ms", "executor_cpu_ms", "nats_cpu_ms") if name in row
        )
        print(told + took)
    p99_ms = next((row["p99_ms"] for row in rows if row["what"].endswith(f"{FLOOR_RATE_PER_S}/s")), None)
    verdict = "not measured" if p99_ms is None else "met" if p99_ms < FLOOR_P99_MS else "missed"
    print(f"floor: p99 under {FLOOR_P99_MS} ms at {FLOOR_RATE_PER_S}/s: {verdict}")


if __name__ == "__main__":
    main()
