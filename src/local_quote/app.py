"""Wires the local quote service together and runs it until it is told to stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version

import aiohttp
import structlog

from local_quote.account_history import AccountHistory
from local_quote.chain_progress import ChainProgress
from local_quote.collector_rest import CollectorRest
from local_quote.companions import Companions
from local_quote.discovery import Discovery
from local_quote.evidence import EvidenceFinder, RoutesTold
from local_quote.health import LocalQuoteHealth
from local_quote.market import LocalMarket
from local_quote.market_events.conflation import Conflation
from local_quote.market_events.observer import MarketObserver, ObserverTerms
from local_quote.market_events.publisher import MarketEventPublisher
from local_quote.metrics import LocalQuoteParts, local_quote_source
from local_quote.new_pools import NewPools
from local_quote.oracle import OutsideSource, PolicyLimits, PriceOracle
from local_quote.oracle.hermes import HermesStream
from local_quote.oracle.jupiter import JupiterPrices
from local_quote.poll_plan import PollPlan
from local_quote.pool_depth import DepthReader
from local_quote.pool_lists import LIST_APIS, PoolListFile, PoolLists, PublishedList
from local_quote.pool_ranking import RankingLimits
from local_quote.pool_reader import PoolReader
from local_quote.pool_store import PoolStore
from local_quote.quote_cache import QuoteCache
from local_quote.quoter import PoolQuoter
from local_quote.refresh import MarketRefresher
from local_quote.route_finder import RouteFinder, RouteTerms
from local_quote.row_routes import RowRouteSearch
from local_quote.row_table import LocalRowTable
from local_quote.servicer import LocalQuoteServicer
from local_quote.settings import LocalQuoteSettings
from local_quote.spans import PricedSpans
from local_quote.warm_start import WARM_FILE_NAME, WarmCounts, WarmStart, endpoint_digests
from local_quote.wire import QuoteEncoder
from local_quote.wire.service import SERVICE_NAME, add_to_server
from quote_core.access.control import AccessControl
from quote_core.access.exposure import check_exposure
from quote_core.addresses import is_proxied
from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.dex.labels import ALL_DEXES
from quote_core.errors import ProviderUnavailable
from quote_core.outside_api import HttpApi
from quote_core.process import run_process, work_until_told
from quote_core.resilience import Backoff, Pause
from quote_core.serving import CallCounter, Subscriptions, serve
from quote_core.serving.metrics import grpc_source
from quote_core.settings import PlatformSettings, SettingsError, environment_name
from quote_core.solana import AccountFeed, EndpointWatch, RpcClient, open_endpoints
from quote_core.solana.metrics import rpc_source
from quote_core.telemetry import traces
from quote_core.telemetry.metrics import MetricsPage
from quote_core.tokens import TokenRegistry, checked_mint, load_tokens
from quote_core.units import BPS, LAMPORTS_PER_SOL
from quote_core.work_metrics import work_source

__all__ = ["main", "make_market", "run"]

_MARKET_EVENTS_WAITING_MAX = 10_000
_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000
_ORACLE_PAUSE_NS = 500_000_000
_ORACLE_PAUSE_NS_MAX = 60_000_000_000


def make_market(settings: LocalQuoteSettings, registry: TokenRegistry, clock: Clock) -> LocalMarket:
    """Put the market's parts together, empty."""
    progress = ChainProgress()
    history = AccountHistory(bytes_max=settings.evidence_bytes_max, count_max=settings.evidence_version_count_max)
    store = PoolStore(progress=progress, clock=clock, history=history)
    quoter = PoolQuoter(
        store=store,
        clock=clock,
        stale_after_ns=settings.stale_after,
        refuse_after_ns=settings.pool_cache_staleness_threshold,
    )
    routes = RouteFinder(store=store, quoter=quoter, step_percent=settings.route_split_step_percent)
    table = LocalRowTable(
        store=store,
        quoter=quoter,
        clock=clock,
        row_count_max=settings.table_row_count_max,
        hop_count_max=settings.row_hop_count_max,
        pricing_count_max=settings.evidence_version_count_max,
    )
    row_routes = None
    if settings.row_hop_count_max > 1:
        row_routes = RowRouteSearch(
            table=table,
            finder=routes,
            clock=clock,
            hop_count_max=settings.row_hop_count_max,
            interval_ns=settings.row_route_interval,
        )
    return LocalMarket(
        registry=registry,
        progress=progress,
        store=store,
        quoter=quoter,
        routes=routes,
        table=table,
        cache=QuoteCache(ttl_ns=settings.quote_cache_ttl, entry_count_max=settings.quote_cache_entry_count_max),
        oracle=PriceOracle(
            registry,
            clock=clock,
            limits=PolicyLimits(
                age_s_max=settings.oracle_age_max // _NS_PER_S,
                epoch_age_max=settings.rate_epoch_age_max,
                conf_fraction_max=settings.oracle_confidence_max_bps / BPS,
                deviation_fraction_max=settings.oracle_deviation_max_bps / BPS,
            ),
        ),
        subscriptions=Subscriptions(count_max=settings.subscriber_count_max),
        clock=clock,
        stale_after_ns=settings.stale_after,
        row_routes=row_routes,
        spans=PricedSpans(tracer, store, table, clock) if (tracer := traces.tracer()) is not None else None,
    )


async def _pool_lists(stack: AsyncExitStack, settings: LocalQuoteSettings, clock: Clock) -> PoolLists:
    lists: list[PublishedList | PoolListFile] = []
    if settings.pool_list is not None:
        lists.append(PoolListFile(settings.pool_list))
    for name in LIST_APIS:
        url: str = getattr(settings, f"{name}_pools_url")
        if url:
            session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=is_proxied(url)))
            # Asked every few minutes: a pause it asks for has passed by then.
            api = HttpApi(session, provider=name, base_url=url, clock=clock, pause=lambda _: None)
            lists.append(PublishedList(api))
    return PoolLists(lists)


def _warm_start(
    platform: PlatformSettings,
    settings: LocalQuoteSettings,
    market: LocalMarket,
    refresher: MarketRefresher,
    discovery: Discovery,
    clock: Clock,
) -> WarmStart | None:
    """What is kept for the next start; None where nothing is to be, or nowhere can be."""
    if not settings.warm_start:
        return None
    try:
        folder = platform.data_folder()
    except SettingsError:
        return None
    return WarmStart(
        path=folder / WARM_FILE_NAME,
        market=market,
        reads=refresher,
        ranks=discovery,
        clock=clock,
        endpoints=endpoint_digests(platform.rpc_addresses()),
        run_id=platform.run_id,
        interval_ns=settings.warm_start_interval,
        age_ns_max=settings.warm_start_age_max,
        pool_count_max=settings.pool_count_max,
    )


def _market_events(
    platform: PlatformSettings, settings: LocalQuoteSettings, market: LocalMarket, clock: Clock
) -> MarketEventPublisher | None:
    """Who tells of the market on the bus; None where nobody is to."""
    if not settings.market_events:
        return None
    waiting = Conflation(per_s_max=settings.market_events_per_s, waiting_max=_MARKET_EVENTS_WAITING_MAX)
    terms = ObserverTerms(
        amount_lamports=round(settings.market_events_amount_sol * LAMPORTS_PER_SOL),
        trade_lamports_min=round(settings.large_trade_min_sol * LAMPORTS_PER_SOL),
        window_ns=settings.volume_spike_window,
        spike_deviations=settings.volume_spike_deviations,
    )
    return MarketEventPublisher(
        market=market,
        observer=MarketObserver(market=market, waiting=waiting, clock=clock, terms=terms),
        waiting=waiting,
        platform=platform,
        clock=clock,
        interval_ns=settings.market_events_interval,
    )


async def _begin(warm: WarmStart | None, discovery: Discovery) -> None:
    """Begin from what was kept, then keep what is held, while pools are found."""
    if warm is not None:
        await warm.restore()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(discovery.run())
        if warm is not None:
            tasks.create_task(warm.run())


async def _oracle_sources(
    stack: AsyncExitStack, settings: LocalQuoteSettings, registry: TokenRegistry, oracle: PriceOracle, clock: Clock
) -> AsyncIterator[OutsideSource]:
    """The sources that are asked over the network: none unless one is set."""

    async def api_of(name: str, url: str) -> tuple[HttpApi, Pause]:
        pause = Pause(name=name, clock=clock)
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=is_proxied(url)))
        api = HttpApi(session, provider=name, base_url=url, clock=clock, pause=pause.extend, refusals=frozenset())
        return api, pause

    if settings.hermes_url:
        api, pause = await api_of("hermes", settings.hermes_url)
        yield HermesStream(
            api,
            registry,
            take=oracle.take,
            refuse=oracle.refuse,
            silence_ns=settings.hermes_silence_max,
            backoff=Backoff(first_ns=_ORACLE_PAUSE_NS, pause_ns_max=_ORACLE_PAUSE_NS_MAX),
            pause=pause,
            clock=clock,
        )
    if settings.jupiter_price_url:
        api, pause = await api_of("jupiter price", settings.jupiter_price_url)
        yield JupiterPrices(
            api,
            registry,
            api_key=settings.jupiter_price_api_key,
            take=oracle.take,
            refuse=oracle.refuse,
            interval_ns=settings.jupiter_price_interval,
            timeout_ns=settings.jupiter_price_interval,
            backoff=Backoff(first_ns=settings.jupiter_price_interval, pause_ns_max=_ORACLE_PAUSE_NS_MAX),
            pause=pause,
            clock=clock,
        )


async def run(
    platform: PlatformSettings, settings: LocalQuoteSettings, stop: asyncio.Event, *, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Serve quotes until `stop` is set.

    Raises:
        ProviderUnavailable: The port is taken.
        SettingsError: What says who may ask is wrong, nothing does and other machines could, or the aggregator could
            ask for more quotes than the limits allow.
        InvalidField: The token registry or a pool named in the settings is wrong.
    """
    log: structlog.stdlib.BoundLogger = structlog.get_logger()
    too_low = list(settings.too_low(platform.shm_entry_count))
    if too_low:
        raise SettingsError(too_low)
    registry = load_tokens(platform.tokens_path)
    market = make_market(settings, registry, clock)
    check_exposure(platform, platform.host, variable=environment_name(platform.section, "host"))
    access = AccessControl(platform)
    async with AsyncExitStack() as stack:
        stack.enter_context(access.heeding_hangup(settings))
        endpoints = await stack.enter_async_context(
            open_endpoints(platform.rpc_addresses(), clock=clock, lag_slots_max=platform.rpc_slot_lag_max)
        )
        rpc = RpcClient(
            endpoints=endpoints,
            clock=clock,
            timeout_ms=settings.rpc_timeout // _NS_PER_MS,
            failover_after_ms=platform.rpc_failover_after // _NS_PER_MS,
            commitment=settings.commitment,
        )
        reader = PoolReader(rpc=rpc, store=market.store)
        companions = Companions(store=market.store, settle_ns=settings.settle, wait_ns_max=settings.companion_wait)
        make_feed = partial(
            AccountFeed,
            endpoints=endpoints,
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
            collector_rest=CollectorRest(),
        )
        discovery = Discovery(
            rpc=rpc,
            market=market,
            depths=DepthReader(reader, market.lamports_per_unit),
            lists=await _pool_lists(stack, settings, clock),
            clock=clock,
            on_wanted=refresher.wanted_changed,
            named_pools=[
                checked_mint(name.strip(), field="pools") for name in settings.pools.split(",") if name.strip()
            ],
            is_searching=settings.discovery,
            interval_s=settings.discovery_interval / _NS_PER_S,
            rerank_ns=settings.pool_rerank_interval,
            limits=RankingLimits(
                floor_lamports=round(settings.pool_depth_min_sol * LAMPORTS_PER_SOL),
                per_pair_and_dex_max=settings.pools_per_pair_and_dex_max,
                count_max=settings.pool_count_max,
            ),
        )
        warm = _warm_start(platform, settings, market, refresher, discovery, clock)
        kept = WarmCounts() if warm is None else warm.counts
        async for source in _oracle_sources(stack, settings, registry, market.oracle, clock):
            market.oracle.add_source(source)
        new_pools = NewPools(
            endpoints=endpoints,
            questions=discovery.questions,
            commitment=settings.commitment,
            counts=discovery.counts,
            on_seen=discovery.hear,
        )
        telling = _market_events(platform, settings, market, clock)
        calls = CallCounter()
        health = LocalQuoteHealth(
            market=market,
            refreshing=refresher,
            discovering=discovery.counts,
            waiting=companions.counts,
            keeping=kept,
            clock=clock,
            version=version("solquote"),
            refuse_after_ns=settings.pool_cache_staleness_threshold,
            calls=calls,
            endpoints=endpoints,
        )
        servicer = LocalQuoteServicer(
            market=market,
            encoder=QuoteEncoder(
                table=market.table, oracle=market.oracle, clock=clock, stale_after_ns=settings.stale_after
            ),
            clock=clock,
            hurry=refresher.hurry,
            dropped=discovery.dropped.values,
            health=health.report,
            quotes_per_request_max=settings.quotes_per_request_max,
            route_hop_count_max=settings.route_hop_count_max,
            routes_max=RouteTerms(ALL_DEXES, settings.route_search_hop_count_max, settings.route_split_count_max),
            evidence=EvidenceFinder(
                store=market.store,
                registry=market.registry,
                told=RoutesTold(count_max=settings.evidence_route_count_max),
                priced=market.table.chains_priced,
            ),
        )
        server = await stack.enter_async_context(
            serve(
                partial(add_to_server, servicer),
                services=(SERVICE_NAME,),
                host=platform.host,
                port=settings.grpc_port,
                calls=calls,
                access=access,
            )
        )
        parts = LocalQuoteParts(
            market=market,
            refresher=refresher,
            plan=plan,
            discovered=discovery.counts,
            waited=companions.counts,
            kept=kept,
            telling=telling,
            refuse_after_ns=settings.pool_cache_staleness_threshold,
            clock=clock,
        )
        metrics = MetricsPage(
            settings, work_source(health.work), grpc_source(calls), rpc_source(endpoints), local_quote_source(parts)
        )
        log.info("listening", grpc_port=server.port)
        await work_until_told(
            refresher.run(),
            _begin(warm, discovery),
            new_pools.run(),
            EndpointWatch(rpc, interval_s=platform.rpc_watch_interval / _NS_PER_S).run(),
            *(source.run() for source in market.oracle.sources),
            *(() if telling is None else (telling.run(),)),
            stop=stop,
            condition=health.condition,
            metrics=metrics,
            on_change=lambda is_ready: server.set_serving(serving=is_ready),
        )
        if warm is not None:
            await warm.close()
        market.subscriptions.close(ProviderUnavailable("local quotes", "the service is stopping"))
    log.info("stopped")


def main() -> None:
    """Run with the settings of file and environment."""
    run_process("local_quote", LocalQuoteSettings, run)
