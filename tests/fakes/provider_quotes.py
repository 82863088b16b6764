"""A provider that answers from a list, and the values it answers with."""

import asyncio
from collections.abc import Sequence

from external_quote.answers_kept import AnswersKept
from external_quote.provider_guard import ProviderGuard
from external_quote.provider_ranks import ProviderRanks
from external_quote.providers.base import ProviderQuote
from external_quote.shared_quotes import SharedQuotes
from external_quote.shared_rate import SharedRate
from external_quote.split_cache import SplitCache
from quote_core.clock import Clock
from quote_core.errors import SolquoteError
from quote_core.quotes import QuoteKey, RouteHop
from quote_core.resilience import CircuitBreaker, HealthWindow, RateLimiter
from quote_core.shared_cache import IN_PROCESS, SharedCache
from quote_core.tokens import load_tokens
from quote_core.units import Pubkey

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint
MSOL = TOKENS.resolve("mSOL", field="").mint
KEY = QuoteKey(SOL, USDC, 1_000_000_000)
REVERSE = QuoteKey(USDC, SOL, 140_000_000)
OTHER = QuoteKey(SOL, MSOL, 1_000_000_000)
S = 1_000_000_000


POOL = Pubkey("Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE")


def answer(output_amount: int = 140_000_000, *, key: QuoteKey = KEY) -> ProviderQuote:
    hop = RouteHop(POOL, "Whirlpool", key.input_mint, key.output_mint, key.input_amount, output_amount)
    return ProviderQuote(output_amount=output_amount, route=(hop,), price_impact_fraction=0.001, slot=9)


class FakeProvider:
    """Raises `errors` first, one a request, then answers; waits for `gate`."""

    def __init__(self, name: str = "jupiter") -> None:
        self.name = name
        self.errors: list[SolquoteError] = []
        self.asked: list[tuple[QuoteKey, tuple[RouteHop, ...]]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def quote(
        self, key: QuoteKey, *, slippage_bps: int, known_route: Sequence[RouteHop], timeout_ns: int
    ) -> ProviderQuote:
        self.asked.append((key, tuple(known_route)))
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        return answer(key=key)


def guard(
    provider: FakeProvider,
    clock: Clock,
    *,
    rate_per_s: float = 1.0,
    burst_count: int = 2,
    failure_count_max: int = 3,
    shared: SharedCache = IN_PROCESS,
) -> ProviderGuard:
    limiter = RateLimiter(name=provider.name, rate_per_s=rate_per_s, burst_count=burst_count, clock=clock)
    return ProviderGuard(
        provider,
        rate=SharedRate(limiter, name=provider.name, shared=shared, bucket=provider.name),
        breaker=CircuitBreaker(name=provider.name, failure_count_max=failure_count_max, open_ns=10 * S, clock=clock),
        window=HealthWindow(window_ns=300 * S, count_max=100, clock=clock),
        clock=clock,
    )


def ranked(*guards: ProviderGuard) -> ProviderRanks:
    """Each in a rank of its own, in this order."""
    return ProviderRanks([[(one, 1)] for one in guards])


def shared_quotes(cache: SplitCache, clock: Clock, shared: SharedCache = IN_PROCESS) -> SharedQuotes:
    """With the lifetimes of `cache` here; of jupiter and one other."""
    return SharedQuotes(
        shared,
        cache,
        urls={"jupiter": "http://jupiter", "other": "http://other", "okx": ""},
        clock=clock,
        price_ttl_ns=10 * S,
        keep_ns=60 * S,
        turn_ns=2 * S,
        patience_ns=S // 2,
    )


def answers_kept() -> AnswersKept:
    """Room for the answers of a test."""
    return AnswersKept(count_max=1_000, bytes_max=2**20)
