"""How the external quote service is."""

from collections.abc import Mapping
from typing import Final

from external_quote.quoter import ProviderQuoter
from external_quote.split_cache import SplitCache
from external_quote.stream_demand import StreamDemand
from quote_core.clock import Clock
from quote_core.health import QuoteServiceHealth, WorkFigures
from quote_core.resilience import BreakerState
from quote_core.serving import CallCounter
from quote_core.shared_cache import OpenedCache

__all__ = ["ExternalQuoteHealth"]

_PAUSE_MS_UNREMARKABLE: Final = 10_000
"""A rate limit asks for a few seconds now and then; a used-up quota for more."""


class ExternalQuoteHealth(QuoteServiceHealth):
    """The service serves whenever it runs, without a provider too: every quote then says so, and so does a finding."""

    def __init__(
        self,
        *,
        demand: StreamDemand,
        quoter: ProviderQuoter,
        cache: SplitCache,
        opened: OpenedCache,
        clock: Clock,
        version: str,
        calls: CallCounter,
    ) -> None:
        super().__init__(clock=clock, version=version)
        self._demand = demand
        self._quoter = quoter
        self._cache = cache
        self._redis = opened.redis
        self._calls = calls

    @property
    def is_serving(self) -> bool:
        """Always: whoever can ask is answered."""
        return True

    def figures(self) -> Mapping[str, float]:
        """What is asked for, and what is kept."""
        return {
            "providers": len(self._quoter.guards),
            "streams": len(self._demand.subscriptions),
            "rows_wanted": len(self._demand.wanted()),
            "cached_quotes": len(self._cache),
            "cache_hits": self._cache.hit_count,
            "cache_misses": self._cache.miss_count,
        }

    def work(self) -> WorkFigures:
        """Calls of clients and answers of providers; that a provider does not answer is what its breaker is for."""
        guards = self._quoter.guards
        return WorkFigures.now(
            handled_total=self._calls.handled_count + sum(guard.answer_count for guard in guards),
            errors_total=self._calls.error_count + sum(guard.unreadable_count for guard in guards),
        )

    def line(self) -> str:
        """The state of each provider, and how much is asked for."""
        if not self._quoter.guards:
            return "no provider is configured"
        providers = ", ".join(
            f"{guard.name}: circuit breaker {_spelled(guard.report().breaker)}" for guard in self._quoter.guards
        )
        return f"{providers}, {len(self._demand.wanted())} rows wanted, {len(self._cache)} cached"

    def findings(self) -> list[str]:
        """Providers that cannot be asked now, and why."""
        if not self._quoter.guards:
            return ["no provider is configured"]
        findings = []
        if self._redis is not None and not self._redis.is_up:
            findings.append(f"{self._redis.shown} is not used, so nothing is shared: {self._redis.why_down}")
        for report in (guard.report() for guard in self._quoter.guards):
            if report.breaker is not BreakerState.CLOSED:
                findings.append(
                    f"{report.provider}: circuit breaker {_spelled(report.breaker)}, last error {report.last_error}"
                )
            if report.paused_ms > _PAUSE_MS_UNREMARKABLE:
                wait_s = -(-report.paused_ms // 1_000)
                findings.append(f"{report.provider}: wants no request for another {wait_s} s")
        return findings


def _spelled(state: BreakerState) -> str:
    return state.name.lower().replace("_", "-")
