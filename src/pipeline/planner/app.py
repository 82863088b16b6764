"""The planner, put together."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from pipeline.health import HealthReporter
from pipeline.planner.landing_watch import LandingWatch
from pipeline.planner.metrics import planner_source
from pipeline.planner.planner import Planner
from pipeline.planner.settings import PlannerSettings
from pipeline.settings import CostSettings, PipelineSettings
from pipeline.simulation_client import connect_simulator
from pipeline.trading_gate import TradingGate
from pipeline.trading_gate.metrics import gate_source
from quote_core.access.calling import caller_of
from quote_core.bus import Bus, BusRole, Consumer, Stage, StartAt, connect_as
from quote_core.bus.metrics import bus_source, pull_source, stage_source
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Stream, TriangularArbitrage, TwoHopArbitrage
from quote_core.health import Condition, WorkFigures
from quote_core.process import work_until_told
from quote_core.settings import PlatformSettings
from quote_core.telemetry.metrics import MetricsPage
from quote_core.work_metrics import work_source

__all__ = ["CONSUMER", "run"]

CONSUMER: Final = Consumer(
    stream=Stream.OPPORTUNITIES,
    name="planner",
    events=(TwoHopArbitrage, TriangularArbitrage),
    start_at=StartAt.NOW,  # yesterday's opportunities are nobody's business
    ack_wait_ms=2_000,
)


async def run(platform: PlatformSettings, settings: PlannerSettings, stop: asyncio.Event) -> None:
    """Run until told to stop."""
    process = _Process(platform, settings)
    await work_until_told(process.work(), stop=stop, condition=process.condition, metrics=process.metrics)


class _Process:
    """The parts, and how they are."""

    def __init__(self, platform: PlatformSettings, settings: PlannerSettings) -> None:
        self._platform = platform
        self._settings = settings
        self._limits = settings.limits()
        self._rates = CostSettings.load().rates()
        self._health_interval_ns = PipelineSettings.load().health_interval
        self._gate = TradingGate.of(BusRole.PLANNER, platform, clock=SYSTEM_CLOCK)
        self._planner: Planner | None = None
        self._stage: Stage | None = None
        self._bus: Bus | None = None
        self.metrics = MetricsPage(
            settings,
            work_source(self._work),
            bus_source(lambda: self._bus),
            pull_source(lambda: self._stage.pull if self._stage else None),
            stage_source(lambda: self._stage),
            gate_source(self._gate),
            planner_source(lambda: self._planner),
        )

    async def work(self) -> None:
        """Connect, wait for the stream, then plan."""
        settings = self._settings
        async with AsyncExitStack() as stack:
            self._bus = bus = await stack.enter_async_context(connect_as(BusRole.PLANNER, self._platform))
            simulator = await stack.enter_async_context(
                connect_simulator(
                    self._platform.local_quote_address,
                    caller_of(self._platform),
                    timeout_ns=settings.simulation_timeout,
                )
            )
            await bus.wait_for_stream(Stream.PLANNED)
            watch = self._watch_landings(bus)
            self._planner = planner = Planner(
                simulator=simulator,
                gate=self._gate,
                clock=SYSTEM_CLOCK,
                limits=watch.limits if watch else lambda: self._limits,
                rates=self._rates,
                tolerance_bps=settings.slippage_tolerance_bps,
                hop_tolerance_bps=settings.hop_tolerance_bps,
                lifetime_ns=settings.plan_lifetime,
            )
            reporter = HealthReporter(
                bus,
                service="planner",
                clock=SYSTEM_CLOCK,
                interval_ns=self._health_interval_ns,
                work=self._work,
                gate=self._gate,
                rejected=planner.rejections,
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._gate.run())
                tasks.create_task(reporter.run())
                if watch is not None:
                    tasks.create_task(watch.run())
                    await watch.caught_up.wait()  # half of what landed makes another limit than all of it
                self._stage = stage = Stage(bus, CONSUMER, planner.answer, concurrency=settings.concurrency)
                tasks.create_task(stage.run())

    def _watch_landings(self, bus: Bus) -> LandingWatch | None:
        """Who raises the least net profit; `None` = it is fixed."""
        if not self._limits.net_profit_bps_ceiling:
            return None
        return LandingWatch(
            bus,
            self._limits,
            half_life_ns=self._settings.landing_half_life,
            run_id=self._platform.run_id,
            clock=SYSTEM_CLOCK,
        )

    def _work(self) -> WorkFigures:
        return self._stage.counts.work() if self._stage else WorkFigures.now()

    def condition(self) -> Condition:
        """Ready as soon as opportunities are taken; a closed gate is no fault."""
        if self._stage is None or self._planner is None:
            return Condition(is_ready=False, line="waiting for NATS and its streams")
        counts = self._stage.counts
        reasons = ", ".join(f"{reason.name.lower()} {count}" for reason, count in self._planner.rejected.most_common(3))
        line = (
            f"{counts.taken} taken, {self._planner.planned_count} planned, {counts.retried} retried, "
            f"{counts.dead} dead, trading {self._gate.state.name.lower()}"
        )
        return Condition(is_ready=True, line=f"{line}; rejected: {reasons}" if reasons else line)
