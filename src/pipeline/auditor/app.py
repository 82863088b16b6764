"""Composition of the auditor."""

import asyncio
import contextlib
from typing import Final

import structlog

from pipeline.auditor.checkpoint import FILE_NAME, CheckpointFile
from pipeline.auditor.metrics import auditor_source
from pipeline.auditor.reading import Books, keep_books
from pipeline.auditor.reports import FOLDER, publish_reports, reported_days
from pipeline.auditor.settings import AuditorSettings
from pipeline.auditor.usd import SolPrices
from pipeline.health import HealthReporter
from pipeline.history.metrics import history_source
from pipeline.history.settings import HistorySettings
from pipeline.history.writing import HistoryWriting
from pipeline.settings import PipelineSettings
from quote_core.bus import Bus, BusRole, connect_as
from quote_core.bus.metrics import bus_source, follower_source
from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import NO_TRACE, PnlSnapshot, Stream, kind_of
from quote_core.health import Condition
from quote_core.process import work_until_told
from quote_core.setting_secrets import secrets_in
from quote_core.settings import PlatformSettings
from quote_core.telemetry import traces
from quote_core.telemetry.logs import hide
from quote_core.telemetry.metrics import MetricsPage
from quote_core.tokens import load_tokens
from quote_core.work_metrics import work_source

__all__ = ["publish_snapshots", "run"]

_log: Final = structlog.get_logger()


async def run(platform: PlatformSettings, settings: AuditorSettings, stop: asyncio.Event) -> None:
    """Run until told to stop.

    Raises:
        SettingsError: The history's database cannot be what the settings say.
    """
    reports = platform.data_folder() / FOLDER
    prices = SolPrices(load_tokens(platform.tokens_path))
    books = Books(
        capital_lamports=platform.trading_capital_lamports,
        prices=prices,
        run_id=platform.run_id,
        reported_days=reported_days(reports),
    )
    checkpoint = CheckpointFile(platform.data_folder() / FILE_NAME, prices)
    history = _history(platform)
    health_interval_ns = PipelineSettings.load().health_interval
    is_connected = False
    used: Bus | None = None

    async def work() -> None:
        nonlocal is_connected, used
        async with connect_as(BusRole.AUDITOR, platform) as bus:
            used = bus
            await bus.wait_for_stream(Stream.EXECUTED)
            is_connected = True
            changed = asyncio.Event()
            reporter = HealthReporter(
                bus,
                service="auditor",
                clock=SYSTEM_CLOCK,
                interval_ns=health_interval_ns,
                work=books.work,
                detail=lambda: history.detail() if history else "",
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(keep_books(bus, books, checkpoint, on_change=changed.set))
                tasks.create_task(reporter.run())
                tasks.create_task(publish_snapshots(bus, books, changed, settings=settings, clock=SYSTEM_CLOCK))
                tasks.create_task(publish_reports(books, reports, clock=SYSTEM_CLOCK))
                if history is not None:
                    tasks.create_task(history.run(bus))

    metrics = MetricsPage(
        settings,
        work_source(books.work),
        bus_source(lambda: used),
        follower_source(lambda: {Stream.EXECUTED: books.remaining_count}),
        history_source(history),
        auditor_source(books, SYSTEM_CLOCK),
    )
    await work_until_told(
        work(), stop=stop, condition=lambda: _condition(books, history, is_connected=is_connected), metrics=metrics
    )


async def publish_snapshots(
    bus: Bus, books: Books, changed: asyncio.Event, *, settings: AuditorSettings, clock: Clock
) -> None:
    """Publish the account to METRICS when it has changed, and now and then when it has not; for ever.

    An account that is still being added up is published to no one: half a history looks like a drawdown.
    """
    while True:
        await books.caught_up.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.snapshot_interval_max / 1e9):
                await changed.wait()
        changed.clear()
        if not books.caught_up.is_set():  # the stream was made anew meanwhile
            continue
        cause, books.newest_trace = books.newest_trace, NO_TRACE
        try:
            with traces.creating(kind_of(PnlSnapshot).subject, parent=cause):
                await bus.publish(books.run.snapshot(clock, trace=traces.created_in(cause)))
        except ProviderUnavailable as error:
            _log.debug("P&L is not published", reason=str(error))
        except LayoutMismatch as error:
            _log.warning("P&L cannot be written", reason=str(error))
        await asyncio.sleep(settings.snapshot_interval_min / 1e9)


def _history(platform: PlatformSettings) -> HistoryWriting | None:
    """None when the settings want none.

    Raises:
        SettingsError: The database needs a driver that is not installed, or its password cannot be read.
    """
    settings = HistorySettings.load()
    hide(secrets_in(settings))
    return HistoryWriting(platform, settings, clock=SYSTEM_CLOCK) if settings.enabled else None


def _condition(books: Books, history: HistoryWriting | None, *, is_connected: bool) -> Condition:
    if not is_connected:
        return Condition(is_ready=False, line="waiting for the EXECUTED stream")
    ledger = books.ledger
    if not books.caught_up.is_set():
        return Condition(is_ready=False, line=f"adding up EXECUTED, {books.taken_count} results so far")
    profit = f"{ledger.cumulative_profit_lamports / 1e9:+.6f} SOL"
    line = f"{profit} over {ledger.trade_count} trades, {ledger.win_count} won, {ledger.missed_count} missed"
    detail = history.detail() if history else ""
    return Condition(is_ready=True, line=f"{line}; {detail}" if detail else line)
