"""Composition of the executor."""

import asyncio
import os
import socket
from contextlib import AsyncExitStack

from pipeline.executor.guards import Guards
from pipeline.executor.paper import PaperVenue
from pipeline.executor.settings import ExecutorSettings
from pipeline.executor.worker import Worker
from pipeline.process import Condition, work_until_told
from pipeline.simulation_client import connect_simulator
from pipeline.trading_gate import TradingGate
from quote_core.bus import Consumer, connect
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import ExecutionMode, ExecutionPlan, Stream
from quote_core.settings import PlatformSettings
from quote_core.tokens import load_tokens

__all__ = ["CONSUMER_NAME", "plans_consumer", "run"]

CONSUMER_NAME = "executor"


def plans_consumer(settings: ExecutorSettings) -> Consumer:
    """The durable consumer all executors share."""
    return Consumer(
        stream=Stream.PLANNED,
        name=CONSUMER_NAME,
        events=(ExecutionPlan,),
        ack_wait_ms=settings.in_flight_max // 1_000_000,
    )


async def run(platform: PlatformSettings, settings: ExecutorSettings) -> None:
    """Run until told to stop."""
    tokens = load_tokens(platform.tokens_path)
    sol_mint = next(token.mint for token in tokens if token.category == "native")
    gate = TradingGate(
        nats_url=platform.nats_url,
        name="executor",
        clock=SYSTEM_CLOCK,
        silence_ns_max=platform.manager_silence_max,
    )
    worker: Worker | None = None

    async def work() -> None:
        nonlocal worker
        async with AsyncExitStack() as stack:
            bus = await stack.enter_async_context(connect(platform.nats_url, name="executor"))
            simulator = await stack.enter_async_context(
                connect_simulator(platform.local_quote_address, timeout_ns=settings.simulation_timeout)
            )
            await bus.wait_for_stream(Stream.EXECUTED)
            worker = Worker(
                bus,
                plans_consumer(settings),
                gate=gate,
                guards=Guards(settings.guard_limits(sol_mint=sol_mint)),
                venue=PaperVenue(simulator),
                clock=SYSTEM_CLOCK,
                mode=ExecutionMode.PAPER,
                name=f"{socket.gethostname()}/{os.getpid()}",
                concurrency=settings.concurrency,
                in_flight_ns_max=settings.in_flight_max,
                stop_grace_ns=settings.stop_grace,
            )
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(gate.run())
                try:
                    await worker.run()
                finally:
                    listening.cancel()

    await work_until_told(work(), condition=lambda: _condition(gate, worker))


def _condition(gate: TradingGate, worker: Worker | None) -> Condition:
    if worker is None:
        return Condition(is_ready=False, line="waiting for NATS")
    counts = worker.counts
    done = f"{counts.filled} filled, {counts.failed} failed, {counts.refused + counts.abandoned} refused"
    if gate.allows_new_trades:
        return Condition(is_ready=True, line=f"paper, {done}")
    return Condition(is_ready=True, line=f"paper, {gate.state.name}: {gate.reason}; {done}")
