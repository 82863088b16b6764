"""Two caches: what route to take lives long, what it pays lives short. Pure but for the clock; bounded.

An entry is one pair and amount. While its route is young only the price is fetched anew; the entry itself is kept
beyond both lifetimes, for those who take an older price marked with its age over none. Ages count from the *sending* of
the request: what the provider saw while it answered is not known, and nothing in the answer can be newer than known.
An answer of the slot that is held already makes nothing younger: a cache, or an indexer that stands still, gives it.
"""

from dataclasses import dataclass
from typing import Final

from external_quote.providers.base import ProviderQuote
from quote_core.clock import Clock, Moment, moment
from quote_core.freshness import Freshness
from quote_core.quotes import QuoteKey, RouteHop
from quote_core.units import NS_PER_MS

__all__ = ["CachedQuote", "SplitCache"]

_SLOTS_BEHIND_MAX: Final = 150
"""About a minute: so far one of a provider's servers may lag another. What is further back is of a chain begun anew."""


@dataclass(frozen=True, slots=True)
class CachedQuote:
    """A provider's answer, since when its price is vouched for, and when its route was searched for."""

    key: QuoteKey
    provider: str
    quote: ProviderQuote
    latency_ms: float
    freshness: Freshness
    route_sent: Moment
    version: int


class SplitCache:
    """Answers by pair and amount; at `count_max` the one fetched longest ago goes."""

    def __init__(
        self, *, price_ttl_ns: int, route_ttl_ns: int, stale_after_ns: int, count_max: int, clock: Clock
    ) -> None:
        self._price_ttl_ns = price_ttl_ns
        self._stale_after_ns = stale_after_ns
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

    def route(self, key: QuoteKey, provider: str) -> tuple[RouteHop, ...]:
        """The route to price anew; empty = search for one."""
        entry = self._entries.get(key)
        if entry is None or entry.provider != provider or self.route_age_ns(entry) > self._route_ttl_ns:
            return ()
        return entry.quote.route

    def store(
        self, key: QuoteKey, quote: ProviderQuote, *, provider: str, sent: Moment, is_known_route: bool
    ) -> CachedQuote:
        """Keep an answer that has come now; one to a known route leaves that route's age as it is.

        Args:
            key: What it answers.
            quote: The answer.
            provider: Who gave it.
            sent: When it was asked for. An answer asked for before the one that is held came late, and is not kept;
                neither is one of an older slot.
            is_known_route: Whether a known route was priced.

        Returns:
            What is held from now on.
        """
        latency_ms = (self._clock.mono_ns() - sent.mono_ns) / NS_PER_MS
        old = self._entries.get(key)
        route_sent = old.route_sent if old is not None and is_known_route else sent
        return self.adopt(key, quote, provider=provider, vouched=sent, route_sent=route_sent, latency_ms=latency_ms)

    def adopt(
        self,
        key: QuoteKey,
        quote: ProviderQuote,
        *,
        provider: str,
        vouched: Moment,
        route_sent: Moment,
        latency_ms: float,
    ) -> CachedQuote:
        """Keep an answer by the same rules, whoever asked for it.

        Args:
            key: What it answers.
            quote: The answer.
            provider: Who gave it.
            vouched: Since when it is vouched for, by this host's clocks.
            route_sent: When its route was searched for.
            latency_ms: What the provider took.

        Returns:
            What is held from now on.
        """
        old = self._entries.get(key)
        if old is not None and (
            vouched.mono_ns < old.freshness.vouched.mono_ns or 0 < _slots_behind(quote, old) <= _SLOTS_BEHIND_MAX
        ):
            return old
        is_same = old is not None and old.quote.output_amount == quote.output_amount
        unchanged = old.freshness if old is not None and is_same else None
        entry = CachedQuote(
            key=key,
            provider=provider,
            quote=quote,
            latency_ms=latency_ms,
            freshness=Freshness(
                vouched=old.freshness.vouched if old is not None and _is_replay(quote, old) else vouched,
                vouched_slot=quote.slot,
                changed_unix_ns=self._clock.unix_ns() if unchanged is None else unchanged.changed_unix_ns,
                changed_slot=quote.slot if unchanged is None else unchanged.changed_slot,
            ),
            route_sent=route_sent,
            version=old.version + 1 if old is not None else 1,
        )
        self._entries.pop(key, None)  # to the end, behind those fetched before it
        self._entries[key] = entry
        if len(self._entries) > self._count_max:
            del self._entries[next(iter(self._entries))]
        return entry

    def is_stale(self, entry: CachedQuote) -> bool:
        """Whether the price is too old to be given unmarked."""
        return self.price_age_ns(entry) > self._stale_after_ns

    @property
    def stale_count(self) -> int:
        """How many are stale now."""
        now = moment(self._clock)
        return sum(entry.freshness.age_ns(now) > self._stale_after_ns for entry in self._entries.values())

    def price_age_ns(self, entry: CachedQuote) -> int:
        """How long ago the price was asked for."""
        return entry.freshness.age_ns(moment(self._clock))

    def route_age_ns(self, entry: CachedQuote) -> int:
        """How long ago the route was searched for."""
        return entry.route_sent.age_ns(moment(self._clock))


def _slots_behind(quote: ProviderQuote, held: CachedQuote) -> int:
    """How far an answer's slot lies behind the held one's; 0 where either provider does not tell."""
    return held.freshness.vouched_slot - quote.slot if quote.slot and held.freshness.vouched_slot else 0


def _is_replay(quote: ProviderQuote, held: CachedQuote) -> bool:
    return quote.slot != 0 and quote.slot == held.freshness.vouched_slot
