"""Streams: every combination once, then each again when it changes or the refresh interval has passed."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any

from external_quote import wire
from external_quote.board import Board
from external_quote.quoter import Quoter
from external_quote.split_cache import SplitCache
from quote_core.errors import ProviderUnavailable, TooManyStreams
from quote_core.quotes import QuoteKey
from quote_core.serving import read_batch_request
from quote_core.tokens import TokenRegistry
from quote_core.units import NS_PER_S

__all__ = ["FeedLimits", "Feeds"]

_NOT_CONFIGURED = ProviderUnavailable("external quotes", "no provider is configured")
_NOT_YET = ProviderUnavailable("external quotes", "waiting for its turn within the rate limit")


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """Bounds of a stream."""

    row_count_max: int
    subscriber_count_max: int
    refresh_ns: int


class Feeds:
    """Opens a stream a client."""

    def __init__(
        self, *, tokens: TokenRegistry, board: Board, quoter: Quoter, cache: SplitCache, limits: FeedLimits
    ) -> None:
        self._tokens = tokens
        self._board = board
        self._quoter = quoter
        self._cache = cache
        self._limits = limits

    async def batches(self, request: Any) -> AsyncGenerator[Any, None]:
        """Messages of many quotes.

        Raises:
            RequestError: The request is wrong as a whole.
        """
        wanted = read_batch_request(request, self._tokens, quote_count_max=self._limits.row_count_max)
        numbers: dict[QuoteKey, list[int]] = {}
        for key, number in zip(wanted.keys, wanted.numbers, strict=True):
            numbers.setdefault(key, []).append(number)
        refused = [
            wire.failed_quote(asked.input_mint, asked.output_mint, asked.amount, row=asked.number, error=error)
            for asked, error in wanted.refused
        ]
        refresh_s = (wanted.refresh_interval_ns or self._limits.refresh_ns) / NS_PER_S
        if len(self._board) >= self._limits.subscriber_count_max:
            raise TooManyStreams(self._limits.subscriber_count_max)
        with self._board.follow(numbers) as follower:
            sequence = 1
            yield wire.batch([*self._quotes(follower.keys, numbers), *refused], sequence=sequence, is_snapshot=True)
            while True:
                keys = follower.keys
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(refresh_s):
                        await follower.changed.wait()
                        keys = follower.take()
                sequence += 1
                yield wire.batch(self._quotes(keys, numbers), sequence=sequence, is_snapshot=False)

    async def singles(self, request: Any) -> AsyncGenerator[Any, None]:
        """The same, one quote a message."""
        async with contextlib.aclosing(self.batches(request)) as batches:
            async for message in batches:
                for quote in message.quotes:
                    yield quote

    def _quotes(self, keys: Iterable[QuoteKey], numbers: dict[QuoteKey, list[int]]) -> list[Any]:
        reports = {desk.name: desk.report() for desk in self._quoter.desks}
        quotes = []
        for key in keys:
            cached = self._cache.newest(key)
            for row in numbers[key]:
                if cached is None:
                    error = self._board.error(key) or (_NOT_YET if self._quoter.desks else _NOT_CONFIGURED)
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
