"""Two caches: what route to take lives long, what it pays lives short. Pure but for the clock; bounded.

An entry is one pair and amount. While its route is young only the price is fetched anew; the entry itself is kept
beyond both lifetimes, up to `stale_after_ns`, for those who take an older price marked with its age over none.
"""

from dataclasses import dataclass

from external_quote.providers.base import ProviderQuote, RouteLeg
from quote_core.clock import Clock
from quote_core.quotes import QuoteKey

__all__ = ["CachedQuote", "SplitCache"]


@dataclass(frozen=True, slots=True)
class CachedQuote:
    """A provider's answer and when each part of it was fetched."""

    key: QuoteKey
    provider: str
    quote: ProviderQuote
    latency_ms: float
    price_mono_ns: int
    route_mono_ns: int
    fetched_unix_ns: int
    version: int


class SplitCache:
    """Answers by pair and amount; at `count_max` the one fetched longest ago goes."""

    def __init__(self, *, price_ttl_ns: int, route_ttl_ns: int, count_max: int, clock: Clock) -> None:
        self._price_ttl_ns = price_ttl_ns
        self._route_ttl_ns = route_ttl_ns
        self._count_max = count_max
        self._clock = clock
        self._entries: dict[QuoteKey, CachedQuote] = {}
        self.hit_count = 0
        self.miss_count = 0

    def __len__(self) -> int:
        return len(self._entries)

    def young(self, key: QuoteKey) -> CachedQuote | None:
        """The answer, if its price may still be given as current."""
        entry = self._entries.get(key)
        if entry is not None and self.price_age_ns(entry) <= self._price_ttl_ns:
            self.hit_count += 1
            return entry
        self.miss_count += 1
        return None

    def newest(self, key: QuoteKey) -> CachedQuote | None:
        """The answer, however old."""
        return self._entries.get(key)

    def route(self, key: QuoteKey, provider: str) -> tuple[RouteLeg, ...]:
        """The route to price anew; empty = search for one."""
        entry = self._entries.get(key)
        if entry is None or entry.provider != provider or self.route_age_ns(entry) > self._route_ttl_ns:
            return ()
        return entry.quote.legs

    def store(
        self, key: QuoteKey, quote: ProviderQuote, *, provider: str, latency_ms: float, is_known_route: bool
    ) -> CachedQuote:
        """Keep an answer; one to a known route leaves that route's age as it is."""
        now_ns = self._clock.mono_ns()
        old = self._entries.pop(key, None)
        entry = CachedQuote(
            key=key,
            provider=provider,
            quote=quote,
            latency_ms=latency_ms,
            price_mono_ns=now_ns,
            route_mono_ns=old.route_mono_ns if old is not None and is_known_route else now_ns,
            fetched_unix_ns=self._clock.unix_ns(),
            version=old.version + 1 if old is not None else 1,
        )
        self._entries[key] = entry
        if len(self._entries) > self._count_max:
            del self._entries[next(iter(self._entries))]
        return entry

    def price_age_ns(self, entry: CachedQuote) -> int:
        """How long ago the price was fetched."""
        return self._clock.mono_ns() - entry.price_mono_ns

    def route_age_ns(self, entry: CachedQuote) -> int:
        """How long ago the route was searched for."""
        return self._clock.mono_ns() - entry.route_mono_ns
