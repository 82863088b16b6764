"""Composition of the executor."""

import asyncio
import os
import socket
from contextlib import AsyncExitStack

from pipeline.executor.claims import Claims
from pipeline.executor.guards import Guards
from pipeline.executor.hard_stops import HardStops
from pipeline.executor.known_results import follow_results
from pipeline.executor.market_moves import MarketMoves
from pipeline.executor.metrics import executor_source
from pipeline.executor.paper import NaivePaperVenue, PaperVenue, Venue
from pipeline.executor.paper_model import TakenBook
from pipeline.executor.result_log import ResultLog
from pipeline.executor.results import Results
from pipeline.executor.settings import ExecutorSettings
from pipeline.executor.worker import Worker
from pipeline.health import HealthReporter
from pipeline.settings import CostSettings, PipelineSettings
from pipeline.simulation_client import LocalQuoteSimulator, connect_simulator
from pipeline.trading_gate import TradingGate
from pipeline.trading_gate.metrics import gate_source
from quote_core.access.calling import caller_of
from quote_core.bus import Bus, BusRole, Consumer, connect_as
from quote_core.bus.metrics import bus_source, pull_source
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import ExecutionMode, ExecutionPlan, Stream
from quote_core.health import Condition, WorkFigures
from quote_core.process import work_until_told
from quote_core.settings import PlatformSettings
from quote_core.solana.rpc import RpcClient
from quote_core.solana.session import open_endpoints
from quote_core.telemetry.metrics import MetricsPage
from quote_core.tokens import load_tokens
from quote_core.work_metrics import work_source

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


async def run(platform: PlatformSettings, settings: ExecutorSettings, stop: asyncio.Event) -> None:
    """Run until told to stop."""
    process = _Process(platform, settings)
    await work_until_told(process.work(), stop=stop, condition=process.condition, metrics=process.metrics)


class _Process:
    """The parts, and how they are."""

    def __init__(self, platform: PlatformSettings, settings: ExecutorSettings) -> None:
        self._platform = platform
        self._settings = settings
        self._health_interval_ns = PipelineSettings.load().health_interval
        tokens = load_tokens(platform.tokens_path)
        sol_mint = next(token.mint for token in tokens if token.category == "native")
        self._rates = CostSettings.load().rates()
        self._guards = Guards(settings.guard_limits(sol_mint=sol_mint), self._rates)
        self._stops = HardStops(settings.hard_limits())
        self._gate = TradingGate.of(BusRole.EXECUTOR, platform, clock=SYSTEM_CLOCK)
        self._worker: Worker | None = None
        self._bus: Bus | None = None
        self.metrics = MetricsPage(
            settings,
            work_source(self._work),
            bus_source(lambda: self._bus),
            pull_source(lambda: self._worker.pull if self._worker else None),
            gate_source(self._gate),
            executor_source(lambda: self._worker),
        )

    async def work(self) -> None:
        """Connect, then take plans; told to stop, finish what is in hand while the bus is still there."""
        async with AsyncExitStack() as stack:
            log = stack.enter_context(ResultLog(self._settings.log_folder(self._platform)))
            self._bus = bus = await stack.enter_async_context(connect_as(BusRole.EXECUTOR, self._platform))
            simulator = await stack.enter_async_context(
                connect_simulator(
                    self._platform.local_quote_address,
                    caller_of(self._platform),
                    timeout_ns=self._settings.simulation_timeout,
                )
            )
            for stream in (Stream.CLAIMS, Stream.EXECUTED):
                await bus.wait_for_stream(stream)
            book = TakenBook()
            self._worker = worker = self._make_worker(bus, log, self._make_venue(simulator, book))
            reporter = HealthReporter(
                bus,
                service="executor",
                clock=SYSTEM_CLOCK,
                interval_ns=self._health_interval_ns,
                work=self._work,
                gate=self._gate,
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._gate.run())
                tasks.create_task(reporter.run())
                await self._know_results(bus, None if self._settings.paper_naive else book, tasks)
                if self._settings.paper_moves_market:
                    tasks.create_task(self._move_market(bus))
                await worker.run()

    async def _move_market(self, bus: Bus) -> None:
        platform = self._platform
        async with open_endpoints(
            platform.rpc_addresses(), clock=SYSTEM_CLOCK, lag_slots_max=platform.rpc_slot_lag_max
        ) as endpoints:
            moves = MarketMoves(RpcClient(endpoints=endpoints, clock=SYSTEM_CLOCK).call, run_id=platform.run_id)
            await moves.run(bus, now_unix_ns=SYSTEM_CLOCK.unix_ns())

    def _work(self) -> WorkFigures:
        return self._worker.counts.work() if self._worker else WorkFigures.now()

    def _make_venue(self, simulator: LocalQuoteSimulator, book: TakenBook) -> Venue:
        if self._settings.paper_naive:
            return NaivePaperVenue(
                simulator, self._rates, clock=SYSTEM_CLOCK, state_age_ns_max=self._settings.state_age_max
            )
        return PaperVenue(
            simulator,
            self._rates,
            model=self._settings.paper_model(),
            book=book,
            clock=SYSTEM_CLOCK,
            state_age_ns_max=self._settings.state_age_max,
        )

    async def _know_results(self, bus: Bus, book: TakenBook | None, tasks: asyncio.TaskGroup) -> None:
        """Keep hard stops and book current from now on; return once they hold what was before."""
        caught_up = asyncio.Event()
        run_id, now_unix_ns = self._platform.run_id, SYSTEM_CLOCK.unix_ns()
        tasks.create_task(
            follow_results(bus, self._stops, book, run_id=run_id, now_unix_ns=now_unix_ns, caught_up=caught_up)
        )
        await caught_up.wait()

    def _make_worker(self, bus: Bus, log: ResultLog, venue: Venue) -> Worker:
        name = f"{socket.gethostname()}/{os.getpid()}"
        consumer = plans_consumer(self._settings)
        return Worker(
            bus,
            consumer,
            gate=self._gate,
            guards=self._guards,
            claims=Claims(
                bus, clock=SYSTEM_CLOCK, executor=name, pool_rest_ns=self._settings.pool_rest, stops=self._stops
            ),
            results=Results(bus, log, consumer),
            venue=venue,
            rates=self._rates,
            clock=SYSTEM_CLOCK,
            mode=ExecutionMode.PAPER,
            name=name,
            run_id=self._platform.run_id,
            concurrency=self._settings.concurrency,
            in_flight_ns_max=self._settings.in_flight_max,
            stop_grace_ns=self._settings.stop_grace,
        )

    def condition(self) -> Condition:
        """Ready as soon as plans could be taken; a closed gate is no fault."""
        if self._worker is None:
            return Condition(is_ready=False, line="waiting for NATS and its streams")
        counts = self._worker.counts
        mode = "paper, naive" if self._settings.paper_naive else "paper"
        done = (
            f"{counts.filled} filled, {counts.missed} missed, {counts.failed} failed, "
            f"{counts.refused + counts.abandoned} refused"
        )
        if self._gate.allows_new_trades:
            return Condition(is_ready=True, line=f"{mode}, {done}")
        return Condition(is_ready=True, line=f"{mode}, {done}; {self._gate.state.name}: {self._gate.reason}")
