"""One quote or a pair of them: from the cache when young, else from the first provider that may be asked.

Requests for the same pair and amount share one fetch. A caller that gives up does not end it: the token is spent, and
the answer serves the next one.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from external_quote.provider_guard import ProviderGuard
from external_quote.split_cache import CachedQuote, SplitCache
from quote_core.clock import Clock, moment
from quote_core.errors import (
    DeadlinePassed,
    NoLiquidity,
    ProviderUnavailable,
    SolquoteError,
    UpstreamError,
)
from quote_core.quotes import QuoteKey
from quote_core.resilience import Party, retry_within
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["FETCH_COUNT_MAX", "SLIPPAGE_BPS_DEFAULT", "ProviderQuoter"]

FETCH_COUNT_MAX: Final = 256
"""Fetches under way at once; the rate limit keeps it far below."""
SLIPPAGE_BPS_DEFAULT: Final = 50


class ProviderQuoter:
    """Answers from the cache and the providers, in priority order."""

    def __init__(
        self,
        guards: Sequence[ProviderGuard],
        cache: SplitCache,
        *,
        clock: Clock,
        request_timeout_ns: int,
        paired_timeout_ns: int,
    ) -> None:
        self._guards = tuple(guards)
        self._cache = cache
        self._clock = clock
        self._request_timeout_ns = request_timeout_ns
        self._paired_timeout_ns = paired_timeout_ns
        self._fetches: dict[QuoteKey, asyncio.Task[CachedQuote]] = {}

    @property
    def guards(self) -> tuple[ProviderGuard, ...]:
        """The providers in priority order; empty = none is configured."""
        return self._guards

    @property
    def fetch_count(self) -> int:
        """Fetches under way."""
        return len(self._fetches)

    def may_ask(self, party: Party, count: int) -> bool:
        """Whether any provider lets `party` make `count` requests now; where none does, it has a claim to them."""
        waits_ns = [guard.claim(party, count) for guard in self._guards]
        return 0 in waits_ns

    async def quote(self, key: QuoteKey, *, party: Party, slippage_bps: int, timeout_ns: int | None) -> CachedQuote:
        """One quote, its price no older than the price lifetime.

        Raises:
            NoLiquidity: The provider knows no route.
            RateLimited: Nothing young is cached and no token is there for `party`; carries the wait.
            ProviderUnavailable: No provider is configured, or none works.
            DeadlinePassed: Not within `timeout_ns`.
        """
        young = self._cache.young(key)
        if young is not None:
            return young
        fetch = self._fetches.get(key)
        if fetch is None:
            guard = self._open_guard(party, 1)
            fetch = self._start(key, guard, party, slippage_bps, self._request_timeout_ns)
        return await self._await(fetch, timeout_ns)

    async def paired(
        self, forward: QuoteKey, reverse: QuoteKey, *, party: Party, slippage_bps: int
    ) -> tuple[CachedQuote | SolquoteError, CachedQuote | SolquoteError]:
        """Both directions at the same time from one provider, fetched anew; one may fail without the other.

        Raises:
            RateLimited: Not two tokens: neither request was made.
            ProviderUnavailable: No provider is configured, or none works.
        """
        guard = self._open_guard(party, 2)
        fetches = [self._start(key, guard, party, slippage_bps, self._paired_timeout_ns) for key in (forward, reverse)]
        results = [await self._settled(fetch) for fetch in fetches]
        return results[0], results[1]

    def _open_guard(self, party: Party, count: int) -> ProviderGuard:
        """The first provider that lets `count` requests of `party` through, with leave for them.

        Raises:
            UpstreamError: None does; the error of the first.
        """
        if not self._guards:
            raise ProviderUnavailable("external quotes", "no provider is configured")
        if len(self._fetches) + count > FETCH_COUNT_MAX:
            raise ProviderUnavailable("external quotes", f"{FETCH_COUNT_MAX} requests are under way")
        first: UpstreamError | None = None
        for guard in self._guards:
            try:
                guard.reserve(party, count)
            except UpstreamError as error:
                first = first or error
            else:
                return guard
        assert first is not None
        raise first

    def _start(
        self, key: QuoteKey, guard: ProviderGuard, party: Party, slippage_bps: int, timeout_ns: int
    ) -> "asyncio.Task[CachedQuote]":
        task = asyncio.create_task(self._fetch(key, guard, party, slippage_bps, timeout_ns))
        self._fetches[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: QuoteKey, task: "asyncio.Task[CachedQuote]") -> None:
        if self._fetches.get(key) is task:
            del self._fetches[key]
        if not task.cancelled():
            task.exception()  # taken note of by the guard; nobody may be waiting for it any more

    async def _fetch(
        self, key: QuoteKey, guard: ProviderGuard, party: Party, slippage_bps: int, timeout_ns: int
    ) -> CachedQuote:
        deadline_ns = self._clock.mono_ns() + timeout_ns
        is_reserved = True

        async def once() -> CachedQuote:
            nonlocal is_reserved
            if not is_reserved:
                guard.reserve(party)
            is_reserved = False
            return await self._ask(key, guard, party, slippage_bps, max(deadline_ns - self._clock.mono_ns(), 1))

        return await retry_within(once, deadline_mono_ns=deadline_ns, clock=self._clock)

    async def _ask(
        self, key: QuoteKey, guard: ProviderGuard, party: Party, slippage_bps: int, timeout_ns: int
    ) -> CachedQuote:
        known_route = self._cache.route(key, guard.name)
        sent = moment(self._clock)
        try:
            quote = await guard.ask(key, slippage_bps=slippage_bps, known_route=known_route, timeout_ns=timeout_ns)
        except NoLiquidity:
            if not known_route:
                raise
            # The known route is no more, which says nothing about others: search, if another token is there.
            guard.reserve(party)
            known_route = ()
            sent = moment(self._clock)
            quote = await guard.ask(key, slippage_bps=slippage_bps, known_route=known_route, timeout_ns=timeout_ns)
        return self._cache.store(key, quote, provider=guard.name, sent=sent, is_known_route=bool(known_route))

    async def _await(self, fetch: "asyncio.Task[CachedQuote]", timeout_ns: int | None) -> CachedQuote:
        timeout_s = None if timeout_ns is None else timeout_ns / NS_PER_S
        done, _ = await asyncio.wait({fetch}, timeout=timeout_s)
        if not done:
            raise DeadlinePassed("external quotes", (timeout_ns or 0) // NS_PER_MS)
        return fetch.result()

    async def _settled(self, fetch: "asyncio.Task[CachedQuote]") -> CachedQuote | SolquoteError:
        try:
            return await self._await(fetch, None)
        except SolquoteError as error:
            return error
