"""The composition root: reads settings, builds the parts, wires them, runs them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import grpc.aio
import structlog

from aggregator import upstream_wire, wire
from aggregator.clients import ExternalClient, LocalClient, open_stream
from aggregator.fanout import Fanout
from aggregator.feeds import FeedLimits, Feeds
from aggregator.health import Figure, Health
from aggregator.held import Source
from aggregator.http_api import HttpApi
from aggregator.http_server import serve_http
from aggregator.intake import Intake
from aggregator.metrics import Metrics, pool_to_shm_histogram
from aggregator.oracle import OracleFollower, OraclePrices
from aggregator.routes import Routes
from aggregator.rows import RowRegistry
from aggregator.servicer import SERVICE_NAME, AggregatorServicer
from aggregator.settings import AggregatorSettings
from aggregator.shm_publisher import ShmPublisher
from aggregator.subscriptions import Subscriptions
from aggregator.table import QuoteTable
from aggregator.upstream import Upstream
from aggregator.watched import WatchedRows
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.resilience import Backoff
from quote_core.serving import report_until, run_service, serve
from quote_core.settings import PlatformSettings
from quote_core.tokens import load_tokens
from shm import ENTRY_COUNT, QuoteWriter, Role, ShmError, default_directory

__all__ = ["main", "run"]

_SLOT_NS: Final = 400_000_000
_EXPIRE_INTERVAL_S: Final = 0.25
_CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


async def run(platform: PlatformSettings, settings: AggregatorSettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        ProviderUnavailable: A port is taken, or shared memory cannot be written.
    """
    clock = SYSTEM_CLOCK
    log: structlog.stdlib.BoundLogger = structlog.get_logger(service="aggregator")
    tokens = load_tokens(platform.tokens_path)
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, options=_CHANNEL_OPTIONS))
            for address in (platform.local_quote_address, platform.external_quote_address)
        ]
        stale_after_ns = {Source.LOCAL: settings.local_stale_after, Source.EXTERNAL: settings.external_stale_after}
        directory = platform.shm_dir or default_directory()
        publishers = {
            source: ShmPublisher(
                stack.enter_context(_open_writer(directory, role)), ttl_slots=stale_after_ns[source] // _SLOT_NS
            )
            for source, role in ((Source.LOCAL, Role.INTERNAL), (Source.EXTERNAL, Role.EXTERNAL))
        }
        table = QuoteTable(tokens=tokens, clock=clock, stale_after_ns=stale_after_ns, encoder=wire)
        rows = RowRegistry(count_max=ENTRY_COUNT)
        rows.listen(table)
        for publisher in publishers.values():
            rows.listen(publisher)
        watched = WatchedRows(rows, tokens.pairs, settings.amounts)

        oracle, routes, subscriptions = OraclePrices(), Routes(), Subscriptions()
        figures: dict[str, Figure] = {}
        metrics = Metrics(figures)
        intake = Intake(
            table=table,
            publishers=publishers,
            subscriptions=subscriptions,
            routes=routes,
            oracle=oracle,
            clock=clock,
            observe_pool_to_shm_s=pool_to_shm_histogram(metrics.registry).observe,
        )
        upstream = partial(_upstream, settings=settings, log=log)
        local_stream = upstream(
            name=LocalClient.name,
            stub=open_stream(channels[0], upstream_wire.LOCAL_STREAM),
            wanted=lambda: upstream_wire.batch_request(rows, refresh_interval_ns=settings.refresh_interval),
            sink=intake.local,
        )
        rows.listen(local_stream)
        external_stream = upstream(
            name=ExternalClient.name,
            stub=open_stream(channels[1], upstream_wire.EXTERNAL_STREAM),
            wanted=lambda: upstream_wire.batch_request(
                rows.some(watched.nearest(settings.external_amount)), refresh_interval_ns=settings.refresh_interval
            ),
            sink=intake.external,
        )
        local = LocalClient(channels[0], clock)

        def follow(usd_by_mint: Any) -> None:
            if watched.follow(usd_by_mint):
                external_stream.reopen()

        follower = OracleFollower(
            oracle,
            read=partial(local.usd_by_mint, timeout_ns=settings.oracle_interval),
            follow=follow,
            interval_ns=settings.oracle_interval,
            log=log,
        )
        fanout = Fanout(
            rows=rows,
            table=table,
            tokens=tokens,
            local=local,
            external=ExternalClient(channels[1], clock, oracle),
            clock=clock,
            local_timeout_ns=settings.local_timeout,
            external_timeout_ns=settings.external_timeout,
        )
        feeds = Feeds(
            tokens=tokens,
            rows=rows,
            table=table,
            subscriptions=subscriptions,
            fanout=fanout,
            intake=intake,
            clock=clock,
            limits=FeedLimits(
                subscriber_count_max=settings.subscriber_count_max,
                message_quotes_max=settings.message_quotes_max,
                refresh_ns=settings.refresh_interval,
                first_set_wait_ns=settings.first_set_wait,
            ),
        )
        figures |= {
            "rows": Figure("Rows in use", lambda: len(rows)),
            "files": Figure("Shared-memory files written", lambda: len(publishers)),
            "subscribers": Figure("Streams open", lambda: len(subscriptions)),
            "routes": Figure("Routes that can be looked up", lambda: len(routes)),
            "misdirected_quotes": Figure("Answers for rows given away", lambda: table.misdirected_count, True),
            "conflated_changes": Figure("Changes overtaken by newer ones", subscriptions.conflated, True),
            "oracle_failures": Figure("Oracle reads without an answer", lambda: follower.failure_count, True),
        }
        for source, stream in ((Source.LOCAL, local_stream), (Source.EXTERNAL, external_stream)):
            figures |= _source_figures(source, intake, stream, publishers[source])
        health = Health(
            clock=clock,
            version=version("solquote"),
            upstreams={stream.name: stream.is_delivering.is_set for stream in (local_stream, external_stream)},
            figures=figures,
        )
        servicer = AggregatorServicer(tokens=tokens, fanout=fanout, feeds=feeds, routes=routes, health=health)
        server = await stack.enter_async_context(
            serve(servicer.register, services=(SERVICE_NAME,), host=platform.host, port=settings.grpc_port)
        )
        http = HttpApi(
            tokens=tokens,
            fanout=fanout,
            local=local,
            health=health,
            metrics=metrics.registry,
            clock=clock,
            pools_timeout_ns=settings.pools_timeout,
        )
        await stack.enter_async_context(serve_http(http.application(), host=platform.host, port=settings.http_port))
        log.info("serving", grpc_port=server.port, http_port=settings.http_port, rows=len(rows), shm_dir=str(directory))

        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(work)
                for work in (
                    *(publisher.run() for publisher in publishers.values()),
                    local_stream.run(),
                    external_stream.run(),
                    follower.run(),
                    _expire(intake),
                )
            ]
            await report_until(
                stop,
                is_ready=local_stream.is_delivering.is_set,
                status=health.status,
                on_change=lambda ready: server.set_serving(serving=ready),
            )
            subscriptions.close()
            for task in running:
                task.cancel()
    log.info("stopped")


def _upstream(
    *,
    name: str,
    stub: Callable[[Any], Any],
    wanted: Callable[[], Any],
    sink: Callable[[Any], Awaitable[None]],
    settings: AggregatorSettings,
    log: structlog.stdlib.BoundLogger,
) -> Upstream:
    backoff = Backoff(first_ns=settings.reconnect_pause, pause_ns_max=settings.reconnect_pause_max)
    return Upstream(name=name, stub=stub, wanted=wanted, sink=sink, backoff=backoff, log=log)


def _source_figures(source: Source, intake: Intake, stream: Upstream, publisher: ShmPublisher) -> dict[str, Figure]:
    name = source.name.lower()
    return {
        f"{name}_up": Figure(f"Whether the {name} stream delivers", stream.is_delivering.is_set),
        f"{name}_quotes": Figure(f"Quotes of the {name} service", lambda: intake.quote_counts[source], True),
        f"{name}_reconnects": Figure(f"Ends of the {name} stream", lambda: stream.reconnect_count, True),
        f"{name}_shm_writes": Figure(f"Entries written, {name} file", lambda: publisher.published_count, True),
    }


def _open_writer(directory: Path, role: Role) -> QuoteWriter:
    try:
        return QuoteWriter.open(directory, role)
    except (ShmError, OSError) as error:
        raise ProviderUnavailable(f"shared memory in {directory}", str(error)) from error


async def _expire(intake: Intake) -> None:
    while True:
        intake.expire()
        await asyncio.sleep(_EXPIRE_INTERVAL_S)


def main() -> None:
    """Run with the settings of file and environment."""
    run_service("aggregator", AggregatorSettings, run)
