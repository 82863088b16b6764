"""One quote or a pair of them: from the cache when young, else from the provider whose turn it is.

Requests for the same pair and amount share one fetch. A caller that gives up does not end it: the token is spent, and
the answer serves the next one. Where hosts share, a fetch begins with a look at what the others have heard, or are
about to (`external_quote.shared_quotes`).
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final

from external_quote.answers_kept import AnswersKept
from external_quote.provider_guard import ProviderGuard
from external_quote.provider_ranks import ProviderRanks
from external_quote.shared_quotes import SharedQuotes
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
    """Answers from the cache and the providers, whose turn is told by their ranks."""

    def __init__(
        self,
        ranks: ProviderRanks,
        cache: SplitCache,
        shared: SharedQuotes,
        *,
        clock: Clock,
        request_timeout_ns: int,
        paired_timeout_ns: int,
        answers: AnswersKept,
    ) -> None:
        self._ranks = ranks
        self._guards = ranks.guards
        self._cache = cache
        self._shared = shared
        self._clock = clock
        self._request_timeout_ns = request_timeout_ns
        self._paired_timeout_ns = paired_timeout_ns
        self._answers = answers
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
            self._check_room(1)
            fetch = self._start(key, self._turn(key, party, slippage_bps))
        return await self._await(fetch, timeout_ns)

    async def paired(
        self, forward: QuoteKey, reverse: QuoteKey, *, party: Party, slippage_bps: int
    ) -> tuple[CachedQuote | SolquoteError, CachedQuote | SolquoteError]:
        """Both directions at the same time from one provider, fetched anew; one may fail without the other.

        Where hosts share, one of them fetches, and the others take what it was answered.

        Raises:
            RateLimited: Not two tokens: neither request was made.
            ProviderUnavailable: No provider is configured, or none works.
        """
        self._check_room(2)
        async with self._shared.turn(forward, reverse) as turn:
            if turn.known:
                return turn.known[0], turn.known[1]
            guard = await self._open_guard(party, 2)
            fetches = [
                self._start(key, self._fetch(key, guard, party, slippage_bps, self._paired_timeout_ns))
                for key in (forward, reverse)
            ]
            results = [await self._settled(fetch) for fetch in fetches]
            turn.heard += [result for result in results if isinstance(result, CachedQuote)]
        return results[0], results[1]

    async def _turn(self, key: QuoteKey, party: Party, slippage_bps: int) -> CachedQuote:
        async with self._shared.turn(key) as turn:
            if turn.known:
                return turn.known[0]
            guard = await self._open_guard(party, 1)
            quote = await self._fetch(key, guard, party, slippage_bps, self._request_timeout_ns)
            turn.heard.append(quote)
            return quote

    def _check_room(self, count: int) -> None:
        if not self._guards:
            raise ProviderUnavailable("external quotes", "no provider is configured")
        if len(self._fetches) + count > FETCH_COUNT_MAX:
            raise ProviderUnavailable("external quotes", f"{FETCH_COUNT_MAX} requests are under way")

    async def _open_guard(self, party: Party, count: int) -> ProviderGuard:
        """The first provider that lets `count` requests of `party` through, with leave for them; there is one at least.

        Raises:
            UpstreamError: None does; the error of the first.
        """
        first: UpstreamError | None = None
        for guard in self._ranks.in_turn():
            try:
                await guard.reserve(party, count)
            except UpstreamError as error:
                first = first or error
            else:
                self._ranks.asked(guard)
                return guard
        assert first is not None
        raise first

    def _start(self, key: QuoteKey, fetch: Coroutine[Any, Any, CachedQuote]) -> "asyncio.Task[CachedQuote]":
        task = asyncio.create_task(fetch)
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
                await guard.reserve(party)
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
            await guard.reserve(party)
            known_route = ()
            sent = moment(self._clock)
            quote = await guard.ask(key, slippage_bps=slippage_bps, known_route=known_route, timeout_ns=timeout_ns)
        exchange, quote = quote.exchange, replace(quote, exchange=None)  # the cache is bounded by number alone
        cached = self._cache.store(key, quote, provider=guard.name, sent=sent, is_known_route=bool(known_route))
        if exchange is not None and cached.quote is quote:
            self._answers.note(cached, exchange, guard.report().window.uptime)
        return cached

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
