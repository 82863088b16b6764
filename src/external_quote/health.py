"""How the external quote service is."""

from typing import Any, Final

from external_quote import wire
from external_quote.quoter import ProviderQuoter
from external_quote.split_cache import SplitCache
from external_quote.stream_demand import StreamDemand
from quote_core.clock import Clock
from quote_core.resilience import BreakerState
from quote_core.serving import CallCounter, WorkFigures
from quote_core.units import NS_PER_MS

__all__ = ["Health"]

_PAUSE_MS_UNREMARKABLE: Final = 10_000
"""A rate limit asks for a few seconds now and then; a used-up quota for more."""


class Health:
    """Asks the parts when asked. The service serves whenever it runs; what is off or broken is a finding."""

    def __init__(
        self,
        *,
        demand: StreamDemand,
        quoter: ProviderQuoter,
        cache: SplitCache,
        clock: Clock,
        version: str,
        calls: CallCounter,
    ) -> None:
        self._demand = demand
        self._quoter = quoter
        self._cache = cache
        self._clock = clock
        self._version = version
        self._calls = calls
        self._started_ns = clock.mono_ns()

    def message(self) -> Any:
        """A `HealthResponse`."""
        return wire.health(
            version=self._version,
            uptime_ms=(self._clock.mono_ns() - self._started_ns) // NS_PER_MS,
            findings=self._findings(),
            figures={
                "providers": len(self._quoter.guards),
                "streams": len(self._demand.subscriptions),
                "rows_wanted": len(self._demand.wanted()),
                "cached_quotes": len(self._cache),
                "cache_hits": self._cache.hit_count,
                "cache_misses": self._cache.miss_count,
                **self._work().figures(),
            },
        )

    def _work(self) -> WorkFigures:
        """Calls of clients and answers of providers; that a provider does not answer is what its breaker is for."""
        guards = self._quoter.guards
        return WorkFigures.now(
            handled_total=self._calls.handled_count + sum(guard.answer_count for guard in guards),
            errors_total=self._calls.error_count + sum(guard.unreadable_count for guard in guards),
        )

    def status(self) -> str:
        """One short line for people."""
        if not self._quoter.guards:
            return "no provider is configured"
        providers = ", ".join(f"{guard.name} {_spelled(guard.report().breaker)}" for guard in self._quoter.guards)
        return f"{providers}, {len(self._demand.wanted())} rows wanted, {len(self._cache)} cached"

    def _findings(self) -> list[str]:
        if not self._quoter.guards:
            return ["no provider is configured"]
        findings = []
        for report in (guard.report() for guard in self._quoter.guards):
            if report.breaker is not BreakerState.CLOSED:
                findings.append(
                    f"{report.provider}: circuit {_spelled(report.breaker)}, last error {report.last_error}"
                )
            if report.paused_ms > _PAUSE_MS_UNREMARKABLE:
                wait_s = -(-report.paused_ms // 1_000)
                findings.append(f"{report.provider}: wants no request for another {wait_s} s")
        return findings


def _spelled(state: BreakerState) -> str:
    return state.name.lower().replace("_", "-")
