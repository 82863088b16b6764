"""Streams: every combination once, then each again when it changes or the refresh interval has passed."""

import contextlib
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from external_quote import wire
from external_quote.quoter import ProviderQuoter
from external_quote.split_cache import SplitCache
from external_quote.stream_demand import StreamDemand
from quote_core.clock import Clock
from quote_core.errors import ProviderUnavailable
from quote_core.quotes import QuoteKey
from quote_core.serving import Subscription, read_batch_request
from quote_core.tokens import TokenRegistry

__all__ = ["ProviderStreams"]

_NOT_CONFIGURED = ProviderUnavailable("external quotes", "no provider is configured")
_NOT_YET = ProviderUnavailable("external quotes", "waiting for its turn within the rate limit")


class ProviderStreams:
    """Opens a stream a client.

    Args:
        tokens: What may be asked for.
        demand: What streams want.
        quoter: Who is asked.
        cache: What they answered.
        clock: For the refresh.
        row_count_max: Quotes one stream may ask for.
        refresh_ns: Unchanged quotes are sent again after this, where the client does not say.
    """

    def __init__(
        self,
        *,
        tokens: TokenRegistry,
        demand: StreamDemand,
        quoter: ProviderQuoter,
        cache: SplitCache,
        clock: Clock,
        row_count_max: int,
        refresh_ns: int,
    ) -> None:
        self._tokens = tokens
        self._demand = demand
        self._quoter = quoter
        self._cache = cache
        self._clock = clock
        self._row_count_max = row_count_max
        self._refresh_ns = refresh_ns

    async def batches(self, request: Any) -> AsyncGenerator[Any, None]:
        """Messages of many quotes.

        Raises:
            RequestError: The request is wrong as a whole.
        """
        wanted = read_batch_request(request, self._tokens, quote_count_max=self._row_count_max)
        refused = [
            wire.failed_quote(asked.input_mint, asked.output_mint, asked.amount, row=asked.number, error=error)
            for asked, error in wanted.refused
        ]
        refresh_ns = wanted.refresh_interval_ns or self._refresh_ns
        with self._demand.follow(zip(wanted.keys, wanted.numbers, strict=True)) as subscription:
            turns = subscription.turns(refresh_ns=refresh_ns, clock=self._clock)
            first = self._quotes(subscription, subscription.take_all())
            sequence = 1
            yield wire.batch([*first, *refused], sequence=sequence, is_snapshot=True)
            async for keys in turns:
                sequence += 1
                yield wire.batch(self._quotes(subscription, keys), sequence=sequence, is_snapshot=False)

    async def singles(self, request: Any) -> AsyncGenerator[Any, None]:
        """The same, one quote a message."""
        async with contextlib.aclosing(self.batches(request)) as batches:
            async for message in batches:
                for quote in message.quotes:
                    yield quote

    def _quotes(self, subscription: Subscription[QuoteKey, int], keys: Iterable[QuoteKey]) -> list[Any]:
        reports = {guard.name: guard.report() for guard in self._quoter.guards}
        quotes = []
        for key in keys:
            cached = self._cache.newest(key)
            for row in subscription.labels[key]:
                if cached is None:
                    error = self._demand.error(key) or (_NOT_YET if self._quoter.guards else _NOT_CONFIGURED)
                    quotes.append(
                        wire.failed_quote(key.input_mint, key.output_mint, key.input_amount, row=row, error=error)
                    )
                    continue
                quotes.append(
                    wire.quote(
                        cached,
                        row=row,
                        report=reports[cached.provider],
                        price_age_ns=self._cache.price_age_ns(cached),
                        route_age_ns=self._cache.route_age_ns(cached),
                        is_stale=self._cache.is_stale(cached),
                    )
                )
        return quotes
