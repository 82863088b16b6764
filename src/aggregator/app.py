"""The composition root: reads settings, builds the parts, wires them, runs them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import grpc.aio
import structlog

from aggregator import upstream_wire
from aggregator.clients import ExternalClient, LocalClient, open_stream
from aggregator.evidence import EvidenceRelay
from aggregator.fanout import Fanout
from aggregator.feeds import FeedLimits, Feeds
from aggregator.health import AggregatorHealth
from aggregator.held import Source
from aggregator.held_answers import HeldAnswers
from aggregator.http_api import HttpApi
from aggregator.intake import Intake
from aggregator.metrics import AggregatorParts, aggregator_source
from aggregator.oracle import OracleFollower, OraclePrices
from aggregator.page.pipeline import PipelinePanel
from aggregator.page.processes import ProcessesPanel
from aggregator.page.quotes import PoolsPanel, QuotesPanel
from aggregator.page.server import Page
from aggregator.page.switch import ManagerSwitch
from aggregator.routes import Routes
from aggregator.rows import RowRegistry
from aggregator.selection import Judge
from aggregator.servicer import SERVICE_NAME, AggregatorServicer
from aggregator.settings import AggregatorSettings, too_few_entries
from aggregator.shm_publisher import ShmPublisher
from aggregator.spans import WrittenSpans
from aggregator.table import QuoteTable
from aggregator.upstream import Upstream
from aggregator.watched import WatchedRows
from quote_core.access.caller import Caller
from quote_core.access.calling import caller_of
from quote_core.access.control import AccessControl
from quote_core.access.exposure import check_exposure
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.process import run_process, work_until_told
from quote_core.quotes import QuoteKey
from quote_core.resilience import Backoff
from quote_core.serving import (
    CallCounter,
    Subscriptions,
    open_channel,
    serve,
    serve_http,
)
from quote_core.serving.metrics import grpc_source, http_source
from quote_core.settings import PlatformSettings, SettingsError, environment_name
from quote_core.telemetry import traces
from quote_core.telemetry.metrics import MetricsPage
from quote_core.tokens import TokenRegistry, load_tokens
from quote_core.units import Pubkey
from quote_core.watch import watched_row_count
from quote_core.work_metrics import work_source
from shm import QuoteWriter, Role, ShmError, TableCounts, default_directory

__all__ = ["main", "run"]

_SLOT_NS: Final = 400_000_000
_BEAT_S: Final = 0.05
_EXPIRE_INTERVAL_S: Final = 0.25
_FILES: Final = {Source.LOCAL: Role.INTERNAL, Source.EXTERNAL: Role.EXTERNAL}
_SILENT_INTERVALS_MAX: Final = 3
_SILENCE_NS_MIN: Final = 2_000_000_000
"""A service on a busy machine may be late by more than a short interval."""


async def run(platform: PlatformSettings, settings: AggregatorSettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        ProviderUnavailable: A port is taken, or shared memory cannot be written.
        SettingsError: The files have too few entries for what is watched, what says who may ask is wrong, or nothing
            does and other machines could.
    """
    log: structlog.stdlib.BoundLogger = structlog.get_logger()
    tokens = load_tokens(platform.tokens_path)
    too_few = too_few_entries(platform, pair_count=len(tokens.pairs))
    if too_few:
        raise SettingsError([too_few])
    check_exposure(platform, platform.host, variable=environment_name(platform.section, "host"))
    access, caller = AccessControl(platform), caller_of(platform)
    async with AsyncExitStack() as stack:
        stack.enter_context(access.heeding_hangup(settings))
        directory = platform.shm_dir or default_directory()
        counts = TableCounts(platform.shm_entry_count, platform.shm_slot_count)
        writers = {
            source: stack.enter_context(_open_writer(directory, role, counts)) for source, role in _FILES.items()
        }
        channels = {
            Source.LOCAL: await stack.enter_async_context(open_channel(platform.local_quote_address, caller)),
            Source.EXTERNAL: await stack.enter_async_context(open_channel(platform.external_quote_address, caller)),
        }
        core = _core(tokens, platform.watched_amounts, settings, writers, counts)
        neighbours = _neighbours(core, settings, channels, log)
        fanout = Fanout(
            rows=core.rows,
            table=core.table,
            judge=core.judge,
            tokens=tokens,
            local=neighbours.local,
            external=neighbours.external,
            routes=core.routes,
            clock=SYSTEM_CLOCK,
            local_timeout_ns=settings.local_timeout,
            external_timeout_ns=settings.external_timeout,
        )
        figures = _figures(core, neighbours)
        calls = CallCounter()
        health = AggregatorHealth(
            clock=SYSTEM_CLOCK,
            version=version("solquote"),
            is_serving=neighbours.streams[Source.LOCAL].is_delivering.is_set,
            upstreams={stream.name: stream.is_delivering.is_set for stream in neighbours.streams.values()},
            figures=figures,
            calls=calls,
        )
        metrics = MetricsPage(
            settings,
            work_source(health.work),
            grpc_source(calls),
            http_source(calls),
            aggregator_source(_parts(core, neighbours, fanout, writers)),
        )
        servicer = AggregatorServicer(
            tokens=tokens,
            fanout=fanout,
            feeds=_feeds(core, tokens, fanout, settings),
            routes=core.routes,
            evidence=EvidenceRelay(
                {Source.LOCAL: neighbours.local, Source.EXTERNAL: neighbours.external},
                judge=core.judge,
                clock=SYSTEM_CLOCK,
            ),
            health=health,
        )
        page = _page(core, neighbours, tokens, platform, settings, caller) if settings.page else None
        http = HttpApi(
            tokens=tokens,
            rows=core.rows,
            held=HeldAnswers(core.table, SYSTEM_CLOCK),
            fanout=fanout,
            local=neighbours.local,
            health=health,
            metrics=metrics,
            clock=SYSTEM_CLOCK,
            pools_timeout_ns=settings.pools_timeout,
            cors_origins=settings.cors_origins,
            page=page,
            access=access,
        )
        server = await stack.enter_async_context(
            serve(
                servicer.register,
                services=(SERVICE_NAME,),
                host=platform.host,
                port=settings.grpc_port,
                calls=calls,
                access=access,
            )
        )
        await stack.enter_async_context(
            serve_http(http.application(), host=platform.host, port=settings.http_port, calls=calls, access=access)
        )
        log.info("serving", grpc_port=server.port, http_port=settings.http_port, shm_dir=str(directory))
        await work_until_told(
            *_work(core, neighbours),
            *([page.run()] if page else []),
            stop=stop,
            condition=health.condition,
            metrics=metrics,
            on_change=lambda is_ready: server.set_serving(serving=is_ready),
        )
        core.subscriptions.close(ProviderUnavailable("aggregator", "is stopping"))
    log.info("stopped")


@dataclass(frozen=True, slots=True)
class _Core:
    """What is known, and who is told."""

    rows: RowRegistry
    judge: Judge
    table: QuoteTable
    watched: WatchedRows
    publishers: Mapping[Source, ShmPublisher]
    subscriptions: Subscriptions[int, bytes]
    routes: Routes
    oracle: OraclePrices
    intake: Intake


def _core(
    tokens: TokenRegistry,
    amounts: Sequence[int],
    settings: AggregatorSettings,
    writers: Mapping[Source, QuoteWriter],
    counts: TableCounts,
) -> _Core:
    stale_after_ns = {Source.LOCAL: settings.local_stale_after, Source.EXTERNAL: settings.external_stale_after}
    oracle = OraclePrices(stale_after_ns=settings.oracle_stale_after)
    judge = Judge(oracle=oracle, stale_after_ns=stale_after_ns, limits=settings.cap_limits())
    publishers = {
        source: ShmPublisher(
            writer,
            ttl_slots=stale_after_ns[source] // _SLOT_NS,
            spans=WrittenSpans(tracer, SYSTEM_CLOCK) if (tracer := traces.tracer()) is not None else None,
        )
        for source, writer in writers.items()
    }
    table = QuoteTable(
        tokens=tokens,
        clock=SYSTEM_CLOCK,
        judge=judge,
        row_count=counts.entries,
        local_file=publishers[Source.LOCAL],
        external_file=publishers[Source.EXTERNAL],
    )
    rows = RowRegistry(
        count_max=counts.entries,
        watched_count=watched_row_count(pair_count=len(tokens.pairs), amount_count=len(amounts)),
        client_rows_max=settings.client_rows_max,
    )
    subscriptions: Subscriptions[int, bytes] = Subscriptions(count_max=settings.subscriber_count_max)
    routes = Routes()
    rows.listen(table)
    rows.follow(subscriptions)
    intake = Intake(table=table, subscriptions=subscriptions, routes=routes, clock=SYSTEM_CLOCK)
    watched = WatchedRows(rows, tokens.pairs, amounts)
    return _Core(rows, judge, table, watched, publishers, subscriptions, routes, oracle, intake)


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """The two quote services: single calls, streams, and the oracle prices of the local one."""

    local: LocalClient
    external: ExternalClient
    streams: Mapping[Source, Upstream]
    oracle: OracleFollower


def _neighbours(
    core: _Core,
    settings: AggregatorSettings,
    channels: Mapping[Source, grpc.aio.Channel],
    log: structlog.stdlib.BoundLogger,
) -> _Neighbours:
    def stream(
        name: str, stub: Any, rows: Callable[[], Iterable[tuple[int, QuoteKey]]], sink: Callable[[Any], Awaitable[None]]
    ) -> Upstream:
        return Upstream(
            name=name,
            stub=stub,
            wanted=lambda: upstream_wire.batch_request(rows(), refresh_interval_ns=settings.refresh_interval),
            sink=sink,
            silence_ns_max=max(_SILENT_INTERVALS_MAX * settings.refresh_interval, _SILENCE_NS_MIN),
            backoff=Backoff(first_ns=settings.reconnect_pause, pause_ns_max=settings.reconnect_pause_max),
            log=log,
        )

    local_stream = stream(
        LocalClient.name,
        open_stream(channels[Source.LOCAL], upstream_wire.LOCAL_STREAM),
        lambda: core.rows,
        core.intake.local,
    )
    core.rows.listen(local_stream)
    external_stream = stream(
        ExternalClient.name,
        open_stream(channels[Source.EXTERNAL], upstream_wire.EXTERNAL_STREAM),
        lambda: core.rows.some(core.watched.nearest(settings.external_amount)),
        core.intake.external,
    )

    def follow(usd_by_mint: Mapping[Pubkey, float]) -> None:
        if core.watched.follow(usd_by_mint):
            external_stream.reopen()

    local = LocalClient(channels[Source.LOCAL])
    oracle = OracleFollower(
        core.oracle,
        read=partial(local.oracle_prices, timeout_ns=settings.oracle_interval),
        follow=follow,
        interval_ns=settings.oracle_interval,
    )
    return _Neighbours(
        local=local,
        external=ExternalClient(channels[Source.EXTERNAL]),
        streams={Source.LOCAL: local_stream, Source.EXTERNAL: external_stream},
        oracle=oracle,
    )


def _feeds(core: _Core, tokens: TokenRegistry, fanout: Fanout, settings: AggregatorSettings) -> Feeds:
    return Feeds(
        tokens=tokens,
        rows=core.rows,
        table=core.table,
        judge=core.judge,
        subscriptions=core.subscriptions,
        fanout=fanout,
        intake=core.intake,
        clock=SYSTEM_CLOCK,
        limits=FeedLimits(
            message_quotes_max=settings.message_quotes_max,
            refresh_ns=settings.refresh_interval,
            first_set_wait_ns=settings.first_set_wait,
        ),
    )


def _page(
    core: _Core,
    neighbours: _Neighbours,
    tokens: TokenRegistry,
    platform: PlatformSettings,
    settings: AggregatorSettings,
    caller: Caller,
) -> Page:
    amounts = platform.watched_amounts
    try:
        folder = platform.data_folder()
    except SettingsError:  # no home, and none named: quotes need none
        folder = None
    panels = (
        QuotesPanel(core.table, core.watched, tokens.pairs, amounts),
        PoolsPanel(partial(neighbours.local.pools, timeout_ns=settings.pools_timeout), tokens),
        PipelinePanel(platform, tokens, clock=SYSTEM_CLOCK),
        ProcessesPanel(folder, (PlatformSettings, AggregatorSettings), clock=SYSTEM_CLOCK),
    )
    return Page(
        panels,
        ManagerSwitch(settings.manager_address, caller),
        version=version("solquote"),
        amounts=amounts,
        size=core.watched.nearest_rung(settings.external_amount),
        hosts=settings.page_hosts,
        viewer_count_max=settings.page_viewer_count_max,
        clock=SYSTEM_CLOCK,
    )


def _figures(core: _Core, neighbours: _Neighbours) -> dict[str, Callable[[], float]]:
    figures: dict[str, Callable[[], float]] = {
        "rows": core.rows.__len__,
        "files": core.publishers.__len__,
        "subscribers": core.subscriptions.__len__,
        "routes": core.routes.__len__,
        "misdirected_quotes": lambda: core.table.misdirected_count,
        "conflated_changes": lambda: core.subscriptions.conflated_count,
        "oracle_failures": lambda: neighbours.oracle.failure_count,
    }
    for source, stream in neighbours.streams.items():
        figures |= _source_figures(source, core.intake, stream, core.publishers[source])
    return figures


def _source_figures(
    source: Source, intake: Intake, stream: Upstream, publisher: ShmPublisher
) -> dict[str, Callable[[], float]]:
    name = source.name.lower()
    return {
        f"{name}_up": stream.is_delivering.is_set,
        f"{name}_quotes": lambda: intake.quote_counts[source],
        f"{name}_reconnects": lambda: stream.reconnect_count,
        f"{name}_shm_writes": lambda: publisher.published_count,
        f"{name}_impossible_quotes": lambda: intake.impossible_counts[source],
        f"{name}_shm_refusals": lambda: publisher.refused_count,
    }


def _parts(
    core: _Core, neighbours: _Neighbours, fanout: Fanout, writers: Mapping[Source, QuoteWriter]
) -> AggregatorParts:
    return AggregatorParts(
        rows=core.rows,
        table=core.table,
        routes=core.routes,
        subscriptions=core.subscriptions,
        intake=core.intake,
        fanout=fanout,
        oracle=neighbours.oracle,
        streams=neighbours.streams,
        publishers=core.publishers,
        writers=writers,
    )


def _work(core: _Core, neighbours: _Neighbours) -> Iterator[Coroutine[Any, Any, None]]:
    yield _beat(core.table)
    for stream in neighbours.streams.values():
        yield stream.run()
    yield neighbours.oracle.run()
    yield _expire(core.intake)


def _open_writer(directory: Path, role: Role, counts: TableCounts) -> QuoteWriter:
    try:
        return QuoteWriter.open(directory, role, counts=counts)
    except (ShmError, OSError) as error:
        raise ProviderUnavailable(f"shared memory in {directory}", str(error)) from error


async def _beat(table: QuoteTable) -> None:
    while True:
        table.beat()
        await asyncio.sleep(_BEAT_S)


async def _expire(intake: Intake) -> None:
    while True:
        intake.expire()
        await asyncio.sleep(_EXPIRE_INTERVAL_S)


def main() -> None:
    """Run with the settings of file and environment."""
    run_process("aggregator", AggregatorSettings, run)
