"""Wires the local quote service together and runs it until it is told to stop."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version

import structlog

from local_quote.chain_progress import ChainProgress
from local_quote.companions import Companions
from local_quote.discovery import Discovery
from local_quote.health import LocalQuoteHealth
from local_quote.market import LocalMarket
from local_quote.metrics import LocalQuoteParts, local_quote_source
from local_quote.oracle import PriceOracle
from local_quote.poll_plan import PollPlan
from local_quote.pool_reader import PoolReader
from local_quote.pool_store import PoolStore
from local_quote.quote_cache import QuoteCache
from local_quote.quoter import PoolQuoter
from local_quote.refresh import MarketRefresher
from local_quote.row_table import LocalRowTable
from local_quote.servicer import LocalQuoteServicer
from local_quote.settings import LocalQuoteSettings
from local_quote.spans import PricedSpans
from local_quote.wire import QuoteEncoder
from local_quote.wire.service import SERVICE_NAME, add_to_server
from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.errors import ProviderUnavailable
from quote_core.process import run_process, work_until_told
from quote_core.serving import CallCounter, Subscriptions, serve
from quote_core.serving.metrics import grpc_source
from quote_core.settings import PlatformSettings
from quote_core.solana import AccountFeed, RpcClient, open_session
from quote_core.solana.metrics import rpc_source
from quote_core.telemetry import traces
from quote_core.telemetry.metrics import MetricsPage
from quote_core.tokens import TokenRegistry, checked_mint, load_tokens
from quote_core.work_metrics import work_source

__all__ = ["main", "make_market", "run"]

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000


def make_market(settings: LocalQuoteSettings, registry: TokenRegistry, clock: Clock) -> LocalMarket:
    """Put the market's parts together, empty."""
    progress = ChainProgress()
    store = PoolStore(progress=progress, clock=clock)
    quoter = PoolQuoter(
        store=store,
        clock=clock,
        stale_after_ns=settings.stale_after,
        refuse_after_ns=settings.pool_cache_staleness_threshold,
    )
    table = LocalRowTable(store=store, quoter=quoter, clock=clock, row_count_max=settings.table_row_count_max)
    return LocalMarket(
        registry=registry,
        progress=progress,
        store=store,
        quoter=quoter,
        table=table,
        cache=QuoteCache(ttl_ns=settings.quote_cache_ttl, entry_count_max=settings.quote_cache_entry_count_max),
        oracle=PriceOracle(
            registry,
            clock=clock,
            age_s_max=settings.oracle_age_max // _NS_PER_S,
            rate_epoch_age_max=settings.rate_epoch_age_max,
        ),
        subscriptions=Subscriptions(count_max=settings.subscriber_count_max),
        clock=clock,
        stale_after_ns=settings.stale_after,
        spans=PricedSpans(tracer, store, table, clock) if (tracer := traces.tracer()) is not None else None,
    )


async def run(
    platform: PlatformSettings, settings: LocalQuoteSettings, stop: asyncio.Event, *, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Serve quotes until `stop` is set.

    Raises:
        ProviderUnavailable: The port is taken.
        InvalidField: The token registry or a pool named in the settings is wrong.
    """
    log: structlog.stdlib.BoundLogger = structlog.get_logger()
    market = make_market(settings, load_tokens(platform.tokens_path), clock)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(platform.rpc_url))
        rpc = RpcClient(
            url=platform.rpc_url,
            session=session,
            clock=clock,
            timeout_ms=settings.rpc_timeout // _NS_PER_MS,
            commitment=settings.commitment,
        )
        reader = PoolReader(rpc=rpc, store=market.store)
        companions = Companions(
            pools_of=market.store.pool_ids_on, settle_ns=settings.settle, wait_ns_max=settings.companion_wait
        )
        make_feed = partial(
            AccountFeed,
            url=platform.websocket_url(),
            session=session,
            read=reader.read_accounts,
            clock=clock,
            silence_ms_max=settings.feed_silence_max // _NS_PER_MS,
            commitment=settings.commitment,
        )
        plan = PollPlan(
            amm_interval_ns=settings.amm_refresh_interval,
            clmm_interval_ns=settings.clmm_refresh_interval,
            clmm_event_driven_interval_ns=settings.clmm_event_driven_interval,
        )
        refresher = MarketRefresher(
            market=market,
            rpc=rpc,
            reader=reader,
            make_feed=lambda events: make_feed(events=events),
            companions=companions,
            plan=plan,
            clock=clock,
            basic_interval_s=settings.amm_refresh_interval / _NS_PER_S,
            sweep_interval_s=settings.staleness_sweep_interval / _NS_PER_S,
        )
        discovery = Discovery(
            rpc=rpc,
            market=market,
            clock=clock,
            on_wanted=refresher.wanted_changed,
            named_pools=[
                checked_mint(name.strip(), field="pools") for name in settings.pools.split(",") if name.strip()
            ],
            is_searching=settings.discovery,
            interval_s=settings.discovery_interval / _NS_PER_S,
            pool_count_max=settings.pool_count_max,
        )
        calls = CallCounter()
        health = LocalQuoteHealth(
            market=market,
            refreshing=refresher,
            discovering=discovery.counts,
            waiting=companions.counts,
            clock=clock,
            version=version("solquote"),
            refuse_after_ns=settings.pool_cache_staleness_threshold,
            calls=calls,
        )
        servicer = LocalQuoteServicer(
            market=market,
            encoder=QuoteEncoder(
                table=market.table, oracle=market.oracle, clock=clock, stale_after_ns=settings.stale_after
            ),
            clock=clock,
            hurry=refresher.hurry,
            health=health.report,
            quotes_per_request_max=settings.quotes_per_request_max,
            route_hop_count_max=settings.route_hop_count_max,
        )
        server = await stack.enter_async_context(
            serve(
                partial(add_to_server, servicer),
                services=(SERVICE_NAME,),
                host=platform.host,
                port=settings.grpc_port,
                calls=calls,
            )
        )
        parts = LocalQuoteParts(
            market=market,
            refresher=refresher,
            plan=plan,
            discovered=discovery.counts,
            waited=companions.counts,
            refuse_after_ns=settings.pool_cache_staleness_threshold,
            clock=clock,
        )
        metrics = MetricsPage(
            settings, work_source(health.work), grpc_source(calls), rpc_source(rpc), local_quote_source(parts)
        )
        log.info("listening", grpc_port=server.port)
        await work_until_told(
            refresher.run(),
            discovery.run(),
            stop=stop,
            condition=health.condition,
            metrics=metrics,
            on_change=lambda is_ready: server.set_serving(serving=is_ready),
        )
        market.subscriptions.close(ProviderUnavailable("local quotes", "the service is stopping"))
    log.info("stopped")


def main() -> None:
    """Run with the settings of file and environment."""
    run_process("local_quote", LocalQuoteSettings, run)
