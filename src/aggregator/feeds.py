"""Streams to clients: rows held while somebody follows them, the messages of many made by `batch_feed`."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aggregator import wire
from aggregator.batch_feed import BatchFeed
from aggregator.fanout import Fanout
from aggregator.held import HeldQuote, Refusal, Source
from aggregator.intake import Intake
from aggregator.rows import RowRegistry
from aggregator.selection import Judge
from aggregator.table import QuoteTable
from quote_core.clock import Clock, moment
from quote_core.quotes import QuoteKey
from quote_core.serving import Subscriptions, read_batch_request
from quote_core.tokens import TokenRegistry

__all__ = ["FeedLimits", "Feeds"]


@dataclasses.dataclass(frozen=True, slots=True)
class FeedLimits:
    """Bounds of a stream."""

    message_quotes_max: int
    refresh_ns: int
    first_set_wait_ns: int


class Feeds:
    """Opens a feed a client."""

    def __init__(
        self,
        *,
        tokens: TokenRegistry,
        rows: RowRegistry,
        table: QuoteTable,
        judge: Judge,
        subscriptions: Subscriptions[int, bytes],
        fanout: Fanout,
        intake: Intake,
        clock: Clock,
        limits: FeedLimits,
    ) -> None:
        self._tokens = tokens
        self._rows = rows
        self._table = table
        self._judge = judge
        self._subscriptions = subscriptions
        self._fanout = fanout
        self._intake = intake
        self._clock = clock
        self._limits = limits

    async def batch(self, client: str, request: Any) -> AsyncGenerator[bytes, None]:
        """Every combination once, then what changes.

        Args:
            client: Whose quota of rows it counts against.
            request: What it wants.

        Raises:
            RequestError: The request is wrong as a whole, or the table is full.
        """
        wanted = read_batch_request(request, self._tokens, quote_count_max=self._rows.count_max)
        self._subscriptions.check_room()
        hold = self._rows.hold(client, wanted.keys)
        try:
            suffixes = map(wire.row_suffix, wanted.numbers)
            with self._subscriptions.follow(zip(hold.rows, suffixes, strict=True)) as subscription:
                feed = BatchFeed(
                    table=self._table,
                    subscription=subscription,
                    refused=[
                        (wire.refused_body(asked, error), wire.row_suffix(asked.number))
                        for asked, error in wanted.refused
                    ],
                    clock=self._clock,
                    message_quotes_max=self._limits.message_quotes_max,
                    refresh_ns=wanted.refresh_interval_ns or self._limits.refresh_ns,
                    first_set_wait_ns=self._limits.first_set_wait_ns,
                )
                async with aclosing(feed.messages()) as messages:
                    async for message in messages:
                        yield message
        finally:
            self._rows.release(hold)

    async def single(self, client: str, key: QuoteKey) -> AsyncGenerator[bytes, None]:
        """The local answer the moment it is there, the external one and every change as updates.

        Raises:
            RequestError: The table is full.
        """
        self._subscriptions.check_room()
        hold = self._rows.hold(client, (key,))
        try:
            with self._subscriptions.follow((row, b"") for row in hold.rows) as subscription:
                if self._table.is_answered(hold.rows[0]):
                    subscription.offer(hold.rows)
                asking = asyncio.gather(self._ask_local(key), self._ask_external(key))
                asking.add_done_callback(lambda _: subscription.wake())
                told: bytes | None = None
                try:
                    while True:
                        await subscription.changed()
                        subscription.take()
                        (row,) = subscription.labels
                        body = self._table.body(row)
                        if body is not told and (self._table.is_answered(row) or asking.done()):
                            told = body
                            yield body
                finally:
                    asking.cancel()
        finally:
            self._rows.release(hold)

    async def _ask_local(self, key: QuoteKey) -> None:
        if not self._is_held_fresh(Source.LOCAL, key):
            self._place(key, Source.LOCAL, await self._fanout.local_quote(key))

    async def _ask_external(self, key: QuoteKey) -> None:
        if not self._is_held_fresh(Source.EXTERNAL, key):
            self._place(key, Source.EXTERNAL, await self._fanout.external_quote(key))

    def _is_held_fresh(self, source: Source, key: QuoteKey) -> bool:
        row = self._rows.find(key)
        quote = None if row is None else self._table.held(source, row)
        return self._judge.is_fresh(quote, moment(self._clock))

    def _place(self, key: QuoteKey, source: Source, answer: HeldQuote | Refusal) -> None:
        # A refusal of the call is not the row's: the batch stream tells what is wrong with the row itself.
        row = self._rows.find(key)
        if isinstance(answer, HeldQuote) and row is not None:
            self._intake.take(source, [answer._replace(row=row)])
