"""The providers that the settings name, each behind its guard, in their ranks."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from hashlib import blake2b
from typing import Final

import aiohttp

from external_quote.provider_guard import ProviderGuard
from external_quote.provider_ranks import ProviderRanks, read_ranks
from external_quote.providers.base import Provider
from external_quote.providers.dflow import DflowProvider
from external_quote.providers.jupiter import JupiterProvider
from external_quote.providers.okx import OKX_REFUSALS, OkxProvider
from external_quote.providers.raydium import RaydiumProvider
from external_quote.settings import ExternalQuoteSettings
from external_quote.shared_rate import SharedRate
from quote_core.addresses import is_proxied
from quote_core.clock import Clock
from quote_core.outside_api import HttpApi
from quote_core.resilience import CircuitBreaker, HealthWindow, RateLimiter
from quote_core.shared_cache import SharedCache

__all__ = ["open_providers", "shared_buckets"]

_WINDOW_CALLS_MAX: Final = 10_000
_PAIR_TOKENS: Final = 2
"""A paired request takes two tokens at once, so a bucket must be able to save up two."""


def shared_buckets(settings: ExternalQuoteSettings) -> Mapping[str, str]:
    """By provider, what its rate is called where hosts share: whoever has the same URL and key shares it.

    A key cannot be found from its bucket's name unless it is guessed first, and keys are random.
    """
    return {
        name: f"{name}:{blake2b(f'{url} {_key(name, settings)}'.encode(), digest_size=8).hexdigest()}"
        for name, url in settings.urls().items()
        if url
    }


def _key(name: str, settings: ExternalQuoteSettings) -> str:
    key = getattr(settings, f"{name}_api_key", None)
    return "" if key is None else str(key.get_secret_value())


async def open_providers(
    stack: AsyncExitStack, settings: ExternalQuoteSettings, shared: SharedCache, clock: Clock
) -> ProviderRanks:
    """Make those whose URL is set; their connections end with `stack`."""
    urls = settings.urls()
    return ProviderRanks(
        [
            [
                (await _guarded(stack, name, settings, shared, clock), weight)
                for name, weight in rank.items()
                if urls[name]
            ]
            for rank in read_ranks(settings.providers)
        ]
    )


async def _guarded(
    stack: AsyncExitStack, name: str, settings: ExternalQuoteSettings, shared: SharedCache, clock: Clock
) -> ProviderGuard:
    url = settings.urls()[name]
    limiter = RateLimiter(
        name=name,
        rate_per_s=settings.requests_per_s,
        burst_count=max(round(settings.requests_per_s), _PAIR_TOKENS),
        clock=clock,
    )
    rate = SharedRate(limiter, name=name, shared=shared, bucket=shared_buckets(settings)[name])
    session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=is_proxied(url)))
    breaker = CircuitBreaker(
        name=name,
        failure_count_max=settings.breaker_failure_count_max,
        open_ns=settings.breaker_open,
        clock=clock,
    )
    window = HealthWindow(window_ns=settings.health_window, count_max=_WINDOW_CALLS_MAX, clock=clock)
    provider = _provider(name, session, rate, settings, clock)
    return ProviderGuard(provider, rate=rate, breaker=breaker, window=window, clock=clock)


def _provider(
    name: str, session: aiohttp.ClientSession, rate: SharedRate, settings: ExternalQuoteSettings, clock: Clock
) -> Provider:
    def api(**how: frozenset[int]) -> HttpApi:
        url = settings.urls()[name]
        return HttpApi(session, provider=name, base_url=url, clock=clock, pause=rate.pause, **how)

    match name:
        case "dflow":
            return DflowProvider(api(), api_key=settings.dflow_api_key)
        case "okx":
            assert settings.okx_api_key is not None  # the settings see to it
            assert settings.okx_secret_key is not None
            assert settings.okx_passphrase is not None
            return OkxProvider(
                api(refusals=OKX_REFUSALS),
                api_key=settings.okx_api_key,
                secret_key=settings.okx_secret_key,
                passphrase=settings.okx_passphrase,
                clock=clock,
            )
        case "raydium":
            return RaydiumProvider(api())
        case "quicknode":
            return JupiterProvider(api(), api_key=None)  # the key is in the URL
        case _:
            return JupiterProvider(api(), api_key=settings.jupiter_api_key)
