"""How the external quote service is."""

from typing import Any

from external_quote import wire
from external_quote.board import Board
from external_quote.quoter import Quoter
from external_quote.split_cache import SplitCache
from quote_core.clock import Clock
from quote_core.resilience import BreakerState
from quote_core.units import NS_PER_MS

__all__ = ["Health"]


class Health:
    """Asks the parts when asked. The service serves whenever it runs; what is off or broken is a finding."""

    def __init__(self, *, board: Board, quoter: Quoter, cache: SplitCache, clock: Clock, version: str) -> None:
        self._board = board
        self._quoter = quoter
        self._cache = cache
        self._clock = clock
        self._version = version
        self._started_ns = clock.mono_ns()

    def message(self) -> Any:
        """A `HealthResponse`."""
        return wire.health(
            version=self._version,
            uptime_ms=(self._clock.mono_ns() - self._started_ns) // NS_PER_MS,
            findings=self._findings(),
            figures={
                "providers": len(self._quoter.desks),
                "streams": len(self._board),
                "rows_wanted": len(self._board.wanted()),
                "cached_quotes": len(self._cache),
                "cache_hits": self._cache.hit_count,
                "cache_misses": self._cache.miss_count,
            },
        )

    def status(self) -> str:
        """One short line for people."""
        if not self._quoter.desks:
            return "no provider is configured"
        providers = ", ".join(f"{desk.name} {_spelled(desk.report().breaker)}" for desk in self._quoter.desks)
        return f"{providers}, {len(self._board.wanted())} rows wanted, {len(self._cache)} cached"

    def _findings(self) -> list[str]:
        if not self._quoter.desks:
            return ["no provider is configured"]
        reports = [desk.report() for desk in self._quoter.desks]
        return [
            f"{report.provider}: circuit {_spelled(report.breaker)}, last error {report.last_error}"
            for report in reports
            if report.breaker is not BreakerState.CLOSED
        ]


def _spelled(state: BreakerState) -> str:
    return state.name.lower().replace("_", "-")
