"""Keeps streamed quotes young, round robin, within its half of the rate limit, or all where nobody else asks.

A round takes whatever was attempted longest ago; what was never attempted goes first, most wanted first. A pair wanted
in both directions is fetched as a pair, so that the two prices are of one moment. What another host was answered
counts as attempted then: so all that share a provider take whatever none of them has asked for longest.
"""

import asyncio
from typing import Final

from external_quote.quoter import SLIPPAGE_BPS_DEFAULT, ProviderQuoter
from external_quote.shared_quotes import SharedQuotes
from external_quote.stream_demand import StreamDemand
from quote_core.clock import Clock
from quote_core.errors import SolquoteError
from quote_core.quotes import QuoteKey
from quote_core.resilience import Party
from quote_core.telemetry.histogram import INTERVAL_BOUNDS_S, Histogram
from quote_core.units import NS_PER_S

__all__ = ["QuoteRefresher", "next_due"]

_IDLE_S: Final = 0.05
"""Between looks at the rate limit and the breakers when nothing can be fetched."""
_NEWS_S: Final = 0.25
"""Between looks at what other hosts were answered."""


class QuoteRefresher:
    """Fetches what streams want."""

    def __init__(
        self,
        demand: StreamDemand,
        quoter: ProviderQuoter,
        shared: SharedQuotes,
        *,
        clock: Clock,
        price_ttl_ns: int,
    ) -> None:
        self._demand = demand
        self._shared = shared
        self._quoter = quoter
        self._clock = clock
        self._price_ttl_ns = price_ttl_ns
        self.interval_s = Histogram(INTERVAL_BOUNDS_S)
        """Between two attempts at the same key, while streams want it."""
        self._attempted_ns: dict[QuoteKey, int] = {}

    async def run(self) -> None:
        """Refresh until cancelled."""
        if not self._quoter.guards:
            await asyncio.Event().wait()  # there is nobody to ask, for as long as this runs
        while True:
            self._demand.wanted_changed.clear()
            wanted = self._demand.wanted()
            self._attempted_ns = {key: self._attempted_ns[key] for key in wanted if key in self._attempted_ns}
            if not wanted:
                await self._demand.wanted_changed.wait()
                continue
            due = next_due(wanted, self._attempted_ns, now_ns=self._clock.mono_ns(), rest_ns=self._price_ttl_ns)
            if due is None or not self._quoter.may_ask(Party.REFRESH, len(due)):
                await asyncio.sleep(_IDLE_S)
                continue
            await self._refresh(due)

    async def run_news(self) -> None:
        """Adopt what others were answered, until cancelled."""
        while True:
            adopted, has_more = await self._shared.news(self._demand)
            for entry in adopted:
                self._attempted_ns[entry.key] = self._clock.mono_ns()
                self._demand.report(entry.key, None)
            if not has_more:
                await asyncio.sleep(_NEWS_S)

    async def _refresh(self, due: tuple[QuoteKey, ...]) -> None:
        now_ns = self._clock.mono_ns()
        for key in due:
            if key in self._attempted_ns:
                self.interval_s.observe((now_ns - self._attempted_ns[key]) / NS_PER_S)
        self._attempted_ns |= dict.fromkeys(due, now_ns)
        results: list[object]
        try:
            if len(due) == 2:
                pair = await self._quoter.paired(*due, party=Party.REFRESH, slippage_bps=SLIPPAGE_BPS_DEFAULT)
                results = list(pair)
            else:
                single = await self._quoter.quote(
                    due[0], party=Party.REFRESH, slippage_bps=SLIPPAGE_BPS_DEFAULT, timeout_ns=None
                )
                results = [single]
        except SolquoteError as error:
            results = [error] * len(due)
        for key, result in zip(due, results, strict=True):
            self._demand.report(key, result if isinstance(result, SolquoteError) else None)


def next_due(
    wanted: list[QuoteKey], attempted_ns: dict[QuoteKey, int], *, now_ns: int, rest_ns: int
) -> tuple[QuoteKey, ...] | None:
    """The key to fetch next, with its other direction where that is wanted too; `None` = all are young.

    Args:
        wanted: In order of preference.
        attempted_ns: When each was last attempted.
        now_ns: Now, same clock.
        rest_ns: A key is left alone for so long after an attempt.
    """
    due = min(wanted, key=lambda key: attempted_ns.get(key, -1), default=None)
    if due is None or now_ns - attempted_ns.get(due, now_ns - rest_ns - 1) <= rest_ns:
        return None
    others = [key for key in wanted if (key.input_mint, key.output_mint) == (due.output_mint, due.input_mint)]
    other = min(others, key=lambda key: attempted_ns.get(key, -1), default=None)
    return (due,) if other is None else (due, other)
