"""The composition root: reads settings, builds the parts, wires them, runs them."""

import asyncio
from contextlib import AsyncExitStack
from importlib.metadata import version

import structlog

from external_quote.answers_kept import AnswersKept
from external_quote.configured import open_providers, shared_buckets
from external_quote.health import ExternalQuoteHealth
from external_quote.metrics import ExternalQuoteParts, external_quote_source
from external_quote.quoter import ProviderQuoter
from external_quote.refresher import QuoteRefresher
from external_quote.servicer import SERVICE_NAME, ExternalQuoteServicer
from external_quote.settings import ExternalQuoteSettings
from external_quote.shared_quotes import SharedQuotes
from external_quote.split_cache import SplitCache
from external_quote.stream_demand import StreamDemand
from external_quote.streams import ProviderStreams
from quote_core.access.control import AccessControl
from quote_core.access.exposure import check_exposure
from quote_core.addresses import redacted_url
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.process import run_process, work_until_told
from quote_core.serving import CallCounter, serve
from quote_core.serving.metrics import grpc_source
from quote_core.settings import PlatformSettings, environment_name
from quote_core.shared_cache import open_shared_cache, shared_cache_source
from quote_core.telemetry.metrics import MetricsPage
from quote_core.tokens import load_tokens
from quote_core.work_metrics import work_source

__all__ = ["main", "run"]


async def run(platform: PlatformSettings, settings: ExternalQuoteSettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        ProviderUnavailable: The port is taken.
        SettingsError: What says who may ask is wrong, or nothing does and other machines could.
    """
    clock = SYSTEM_CLOCK
    log: structlog.stdlib.BoundLogger = structlog.get_logger()
    tokens = load_tokens(platform.tokens_path)
    check_exposure(platform, platform.host, variable=environment_name(platform.section, "host"))
    access = AccessControl(platform)
    async with AsyncExitStack() as stack:
        stack.enter_context(access.heeding_hangup(settings))
        opened = await stack.enter_async_context(
            open_shared_cache(
                platform,
                buckets=tuple(shared_buckets(settings).values()),
                value_keep_ns=settings.stale_after,
                clock=clock,
            )
        )
        ranks = await open_providers(stack, settings, opened.cache, clock)
        cache = SplitCache(
            price_ttl_ns=settings.price_ttl,
            route_ttl_ns=settings.route_ttl,
            stale_after_ns=settings.stale_after,
            count_max=settings.cache_count_max,
            clock=clock,
        )
        shared = SharedQuotes(
            opened.cache,
            cache,
            urls=settings.urls(),
            clock=clock,
            price_ttl_ns=settings.price_ttl,
            keep_ns=settings.stale_after,
            turn_ns=settings.request_timeout,
            patience_ns=settings.paired_timeout,
        )
        demand = StreamDemand(count_max=settings.subscriber_count_max)
        answers = AnswersKept(count_max=settings.evidence_answer_count_max, bytes_max=settings.evidence_bytes_max)
        quoter = ProviderQuoter(
            ranks,
            cache,
            shared,
            clock=clock,
            request_timeout_ns=settings.request_timeout,
            paired_timeout_ns=settings.paired_timeout,
            answers=answers,
        )
        refresher = QuoteRefresher(demand, quoter, shared, clock=clock, price_ttl_ns=settings.price_ttl)
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
            demand=demand,
            quoter=quoter,
            cache=cache,
            opened=opened,
            clock=clock,
            version=version("solquote"),
            calls=calls,
        )
        servicer = ExternalQuoteServicer(
            tokens=tokens, quoter=quoter, cache=cache, streams=streams, health=health, answers=answers
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
        parts = ExternalQuoteParts(
            quoter=quoter, cache=cache, shared=shared, answers=answers, demand=demand, refresher=refresher
        )
        metrics = MetricsPage(
            settings,
            work_source(health.work),
            grpc_source(calls),
            shared_cache_source(opened),
            external_quote_source(parts),
        )
        providers = {name: redacted_url(url) for name, url in settings.urls().items() if url}
        log.info("serving", grpc_port=server.port, **(providers or {"providers": "off"}))
        await work_until_told(
            refresher.run(),
            *((opened.redis.run(), refresher.run_news()) if opened.redis is not None else ()),
            stop=stop,
            condition=health.condition,
            metrics=metrics,
            on_change=lambda is_ready: server.set_serving(serving=is_ready),
        )
        demand.subscriptions.close(ProviderUnavailable("external quotes", "the service is stopping"))
    log.info("stopped")


def main() -> None:
    """Run with the settings of file and environment."""
    run_process("external_quote", ExternalQuoteSettings, run)
