"""The composition root: reads settings, builds the parts, wires them, runs them."""

import asyncio
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Final

import aiohttp
import structlog

from external_quote.health import ExternalQuoteHealth
from external_quote.metrics import ExternalQuoteParts, external_quote_source
from external_quote.provider_guard import ProviderGuard
from external_quote.providers.jupiter import JupiterProvider
from external_quote.quoter import ProviderQuoter
from external_quote.refresher import QuoteRefresher
from external_quote.servicer import SERVICE_NAME, ExternalQuoteServicer
from external_quote.settings import ExternalQuoteSettings
from external_quote.split_cache import SplitCache
from external_quote.stream_demand import StreamDemand
from external_quote.streams import ProviderStreams
from quote_core.addresses import is_proxied, redacted_url
from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.errors import ProviderUnavailable
from quote_core.process import run_process, work_until_told
from quote_core.resilience import CircuitBreaker, HealthWindow, RateLimiter
from quote_core.serving import CallCounter, serve
from quote_core.serving.metrics import grpc_source
from quote_core.settings import PlatformSettings
from quote_core.telemetry.metrics import MetricsPage
from quote_core.tokens import load_tokens
from quote_core.work_metrics import work_source

__all__ = ["main", "run"]

_WINDOW_CALLS_MAX: Final = 10_000
_PAIR_TOKENS: Final = 2
"""A paired request takes two tokens at once, so a bucket must be able to save up two."""


async def run(platform: PlatformSettings, settings: ExternalQuoteSettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        ProviderUnavailable: The port is taken.
    """
    clock = SYSTEM_CLOCK
    log: structlog.stdlib.BoundLogger = structlog.get_logger()
    tokens = load_tokens(platform.tokens_path)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=is_proxied(settings.jupiter_url)))
        guards = [_jupiter(session, settings, clock)] if settings.jupiter_url else []
        cache = SplitCache(
            price_ttl_ns=settings.price_ttl,
            route_ttl_ns=settings.route_ttl,
            stale_after_ns=settings.stale_after,
            count_max=settings.cache_count_max,
            clock=clock,
        )
        demand = StreamDemand(count_max=settings.subscriber_count_max)
        quoter = ProviderQuoter(
            guards,
            cache,
            clock=clock,
            request_timeout_ns=settings.request_timeout,
            paired_timeout_ns=settings.paired_timeout,
        )
        refresher = QuoteRefresher(demand, quoter, clock=clock, price_ttl_ns=settings.price_ttl)
        streams = ProviderStreams(
            tokens=tokens,
            demand=demand,
            quoter=quoter,
            cache=cache,
            clock=clock,
            row_count_max=settings.row_count_max,
            refresh_ns=settings.refresh_interval,
        )
        calls = CallCounter()
        health = ExternalQuoteHealth(
            demand=demand, quoter=quoter, cache=cache, clock=clock, version=version("solquote"), calls=calls
        )
        servicer = ExternalQuoteServicer(tokens=tokens, quoter=quoter, cache=cache, streams=streams, health=health)
        server = await stack.enter_async_context(
            serve(servicer.register, services=(SERVICE_NAME,), host=platform.host, port=settings.grpc_port, calls=calls)
        )
        parts = ExternalQuoteParts(quoter=quoter, cache=cache, demand=demand, refresher=refresher)
        metrics = MetricsPage(settings, work_source(health.work), grpc_source(calls), external_quote_source(parts))
        log.info("serving", grpc_port=server.port, jupiter=redacted_url(settings.jupiter_url) or "off")
        await work_until_told(
            refresher.run(),
            stop=stop,
            condition=health.condition,
            metrics=metrics,
            on_change=lambda is_ready: server.set_serving(serving=is_ready),
        )
        demand.subscriptions.close(ProviderUnavailable("external quotes", "the service is stopping"))
    log.info("stopped")


def _jupiter(session: aiohttp.ClientSession, settings: ExternalQuoteSettings, clock: Clock) -> ProviderGuard:
    name = JupiterProvider.name
    limiter = RateLimiter(
        name=name,
        rate_per_s=settings.requests_per_s,
        burst_count=max(round(settings.requests_per_s), _PAIR_TOKENS),
        clock=clock,
    )
    provider = JupiterProvider(
        session,
        base_url=settings.jupiter_url,
        api_key=settings.jupiter_api_key,
        clock=clock,
        pause=limiter.pause,
    )
    breaker = CircuitBreaker(
        name=name,
        failure_count_max=settings.breaker_failure_count_max,
        open_ns=settings.breaker_open,
        clock=clock,
    )
    window = HealthWindow(window_ns=settings.health_window, count_max=_WINDOW_CALLS_MAX, clock=clock)
    return ProviderGuard(provider, limiter=limiter, breaker=breaker, window=window, clock=clock)


def main() -> None:
    """Run with the settings of file and environment."""
    run_process("external_quote", ExternalQuoteSettings, run)
