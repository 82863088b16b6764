"""A provider with everything that keeps us polite towards it: rate limit, circuit breaker, health window.

The rate limit is shared fairly between those who ask for a quote and the streams' refresh, see `FairShare`; and, where
several processes have one key, between these by a bucket they share (`external_quote.shared_rate`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from external_quote.providers.base import Provider, ProviderQuote
from external_quote.shared_rate import SharedRate
from quote_core.clock import Clock
from quote_core.errors import DataError, MarketError, RateLimited, UpstreamError
from quote_core.quotes import QuoteKey, RouteHop
from quote_core.resilience import (
    BreakerState,
    CircuitBreaker,
    FairShare,
    HealthWindow,
    Party,
    WindowFigures,
)
from quote_core.telemetry.histogram import CALL_BOUNDS_S, Histogram
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["ProviderGuard", "ProviderReport"]


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """How a provider does; `paused_ms` is how long it asked, itself, to be left alone."""

    provider: str
    window: WindowFigures
    breaker: BreakerState
    tokens_available: float
    requests_per_s: float
    retry_after_ms: int
    paused_ms: int
    last_error: str


class ProviderGuard:
    """Asks one provider."""

    def __init__(
        self,
        provider: Provider,
        *,
        rate: SharedRate,
        breaker: CircuitBreaker,
        window: HealthWindow,
        clock: Clock,
    ) -> None:
        self._provider = provider
        self._rate = rate
        self._limiter = rate.limiter
        self._share = FairShare(rate.limiter, name=provider.name, clock=clock)
        self._breaker = breaker
        self._window = window
        self._clock = clock
        self._last_error = ""
        self.answer_count = 0
        """Answers, refusals and those that could not be read included."""
        self.unreadable_count = 0
        self.unanswered_count = 0
        self.took_s = Histogram(CALL_BOUNDS_S)
        """Of all requests, however they ended."""

    @property
    def name(self) -> str:
        """The provider's."""
        return self._provider.name

    def claim(self, party: Party, count: int = 1) -> int:
        """How long until `party` may make `count` requests, in nanoseconds; above 0 it has a claim to them now."""
        return self._share.claim(party, count)

    async def reserve(self, party: Party, count: int = 1) -> None:
        """Get leave for `count` requests together, or none.

        Raises:
            ProviderUnavailable: The circuit is open.
            RateLimited: Too few tokens, or it is the other party's turn; carries the wait.
        """
        if self._share.claim(party, count) == 0 and not self._breaker.is_passable:
            self._breaker.check()
        self._share.reserve(party, count)
        try:
            await self._rate.take(count)
        except RateLimited:
            self._share.give_back(party, count)
            raise
        self._breaker.check()  # only with tokens there: a call let through as the probe must then be made

    async def ask(
        self, key: QuoteKey, *, slippage_bps: int, known_route: Sequence[RouteHop], timeout_ns: int
    ) -> ProviderQuote:
        """Make one request that was reserved before, and note how it went.

        Raises:
            SolquoteError: As the provider; see `Provider.quote`.
        """
        started_ns = self._clock.mono_ns()
        try:
            quote = await self._provider.quote(
                key, slippage_bps=slippage_bps, known_route=known_route, timeout_ns=timeout_ns
            )
        except MarketError as error:
            # The provider is well: it answered, with a refusal that is the market's doing.
            self._last_error = str(error)
            self.answer_count += 1
            self._note(started_ns, succeeded=True)
            raise
        except (UpstreamError, DataError) as error:
            self._last_error = str(error)
            if isinstance(error, DataError):
                self.answer_count += 1
                self.unreadable_count += 1
            else:
                self.unanswered_count += 1
            self._note(started_ns, succeeded=False)
            raise
        self.answer_count += 1
        self._note(started_ns, succeeded=True)
        return quote

    def report(self) -> ProviderReport:
        """How the provider does."""
        return ProviderReport(
            provider=self.name,
            window=self._window.figures(),
            breaker=self._breaker.state,
            tokens_available=self._limiter.tokens_available,
            requests_per_s=self._limiter.rate_per_s,
            retry_after_ms=-(-self._limiter.wait_ns() // NS_PER_MS),
            paused_ms=-(-self._limiter.paused_ns // NS_PER_MS),
            last_error=self._last_error,
        )

    def _note(self, started_ns: int, *, succeeded: bool) -> None:
        took_ns = self._clock.mono_ns() - started_ns
        self.took_s.observe(took_ns / NS_PER_S)
        self._window.record(succeeded=succeeded, latency_ms=took_ns / NS_PER_MS)
        if succeeded:
            self._breaker.succeed()
        else:
            self._breaker.fail()
