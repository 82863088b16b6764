"""The scanner, put together."""

import asyncio
from contextlib import AsyncExitStack

from pipeline.health import HealthReporter
from pipeline.scanner.book import Book
from pipeline.scanner.loop import Scanner
from pipeline.scanner.metrics import scanner_source
from pipeline.scanner.settings import ScannerSettings
from pipeline.scanner.turn import Turn, place_name
from pipeline.settings import CostSettings, PipelineSettings
from pipeline.trading_gate import TradingGate
from pipeline.trading_gate.metrics import gate_source
from quote_core.bus import Bus, BusRole, connect_as
from quote_core.bus.metrics import bus_source
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Stream
from quote_core.health import Condition, WorkFigures
from quote_core.process import work_until_told
from quote_core.settings import PlatformSettings
from quote_core.telemetry.metrics import MetricsPage
from quote_core.tokens import load_tokens
from quote_core.work_metrics import work_source
from shm import QuoteReader, Role
from shm.prometheus import ReaderCollector

__all__ = ["run"]


async def run(platform: PlatformSettings, settings: ScannerSettings, stop: asyncio.Event) -> None:
    """Run until told to stop."""
    with place_name(platform, settings.partition()) as place:
        process = _Process(platform, settings, place)
        await work_until_told(process.work(), stop=stop, condition=process.condition, metrics=process.metrics)


class _Process:
    """The parts, and how they are."""

    def __init__(self, platform: PlatformSettings, settings: ScannerSettings, place: str) -> None:
        self._platform = platform
        self._settings = settings
        self._rates = CostSettings.load().rates()
        self._health_interval_ns = PipelineSettings.load().health_interval
        partition = settings.partition()
        self._turn = Turn(partition, place=place, clock=SYSTEM_CLOCK, duration_ns=settings.lease_duration)
        self._book = Book(
            load_tokens(platform.tokens_path).pairs,
            amount_count=len(platform.watched_amounts),
            partition=partition,
            cycle_leg_count_max=settings.cycle_leg_count_max,
        )
        self._gate = TradingGate.of(BusRole.SCANNER, platform, clock=SYSTEM_CLOCK)
        self._waiting_for = "NATS"
        self._quotes: QuoteReader | None = None
        self._scanner: Scanner | None = None
        self._bus: Bus | None = None
        self.metrics = MetricsPage(
            settings,
            work_source(self._work),
            bus_source(lambda: self._bus),
            gate_source(self._gate),
            scanner_source(self._book, partition, self._turn, lambda: self._scanner),
        )

    async def work(self) -> None:
        """Connect, wait for the stream, then scan."""
        async with AsyncExitStack() as stack:
            self._bus = bus = await stack.enter_async_context(connect_as(BusRole.SCANNER, self._platform))
            self._waiting_for = f"stream {Stream.OPPORTUNITIES}"
            await bus.wait_for_stream(Stream.OPPORTUNITIES)
            self._quotes = stack.enter_context(QuoteReader.open(self._platform.shm_dir))
            self.metrics.collect(ReaderCollector(self._quotes))
            self._scanner = scanner = Scanner(
                quotes=self._quotes,
                book=self._book,
                publisher=bus,
                gate=self._gate,
                turn=self._turn,
                clock=SYSTEM_CLOCK,
                rates=self._rates,
                thresholds=self._settings.thresholds(),
                quote_age_ns_max=self._settings.quote_age_max,
                look_ns_max=self._settings.look_time_max,
                told_lately=self._settings.told_lately(SYSTEM_CLOCK),
            )
            reporter = HealthReporter(
                bus,
                service="scanner",
                clock=SYSTEM_CLOCK,
                interval_ns=self._health_interval_ns,
                work=self._work,
                gate=self._gate,
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._gate.run())
                tasks.create_task(reporter.run())
                tasks.create_task(self._turn.run(bus))
                tasks.create_task(scanner.run())

    def _work(self) -> WorkFigures:
        return self._scanner.counts.work() if self._scanner else WorkFigures.now()

    def condition(self) -> Condition:
        """Ready as soon as quotes are followed; a closed gate is no fault, nor that another scanner has the turn."""
        if self._scanner is None or self._quotes is None:
            return Condition(is_ready=False, line=f"waiting for {self._waiting_for}")
        if self._book.row_count == 0 and self._book.pair_count > 0:
            liveness = self._quotes.liveness(Role.INTERNAL)
            return Condition(is_ready=False, line=f"waiting for quotes, their writer is {liveness.value}")
        counts = self._scanner.counts
        line = (
            f"{self._book.row_count} rows, {self._book.cycle_count} cycles, "
            f"{counts.changes} changes, {counts.published} findings, "
            f"{counts.gated} gated, {counts.dropped} dropped, {counts.implausible} implausible, "
            f"trading {self._gate.state.name.lower()}, {self._turn.line}"
        )
        return Condition(is_ready=True, line=line)
