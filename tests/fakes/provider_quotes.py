"""A provider that answers from a list, and the values it answers with."""

import asyncio
from collections.abc import Sequence

from external_quote.provider_guard import ProviderGuard
from external_quote.providers.base import ProviderQuote
from quote_core.clock import Clock
from quote_core.errors import SolquoteError
from quote_core.quotes import QuoteKey, RouteHop
from quote_core.resilience import CircuitBreaker, HealthWindow, RateLimiter
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


def answer(output_amount: int = 140_000_000) -> ProviderQuote:
    hop = RouteHop(Pubkey("pool"), "Whirlpool", SOL, USDC, 1_000_000_000, output_amount)
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
        return answer()


def guard(
    provider: FakeProvider, clock: Clock, *, rate_per_s: float = 1.0, burst_count: int = 2, failure_count_max: int = 3
) -> ProviderGuard:
    return ProviderGuard(
        provider,
        limiter=RateLimiter(name=provider.name, rate_per_s=rate_per_s, burst_count=burst_count, clock=clock),
        breaker=CircuitBreaker(name=provider.name, failure_count_max=failure_count_max, open_ns=10 * S, clock=clock),
        window=HealthWindow(window_ns=300 * S, count_max=100, clock=clock),
        clock=clock,
    )
