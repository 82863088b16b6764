"""Pyth's stream, Hermes: server-sent events of prices, followed for as long as it takes.

`GET /v2/updates/price/stream?ids[]=...&parsed=true`. Each event is one `data:` line of JSON, `{parsed: [{id, price:
{price, conf, expo, publish_time}}], ...}`. The server ends every stream after a day; a proxy may at any time. Whatever
it sends is read within bounds, one price at a time: what cannot be a price is counted and left out, and the others are
taken.

A stream is begun anew, after a growing pause or as long as the server asks for, when it ends, when it answers anything
but events, and when no price came for `silence_ns`. Signatures are not checked: what a trade must not rest on is held
against the chain's accounts by the policy.

Source: pyth-network/pyth-crosschain, apps/hermes/server/src/api/rest/v2/sse.rs.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from local_quote.oracle.reading import PriceReading, Refusal, Source, Unit
from quote_core.clock import Clock, moment
from quote_core.errors import DataError, DeadlinePassed, MarketError, ProviderUnavailable, UpstreamError
from quote_core.freshness import Freshness
from quote_core.outside import bounded_int, decimal_int
from quote_core.outside_api import ANSWER_BYTES_MAX, HttpApi
from quote_core.resilience import Backoff, Pause
from quote_core.tokens import Token
from quote_core.units import NS_PER_MS, NS_PER_S, U64_MAX, Pubkey

__all__ = ["EventData", "HermesStream"]

_PATH: Final = "/v2/updates/price/stream"
_CONTENT_TYPE: Final = "text/event-stream"
_I64_MAX: Final = 2**63 - 1
_EXPONENT_MAX: Final = 18
_UNIX_S_MAX: Final = 2**40


class EventData:
    """Puts the `data` of server-sent events together, line by line; what an event is called does not matter here."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def take(self, line: bytes) -> bytes | None:
        """The data of the event that this line ends, if it ends one; of a longer one than an answer may be, nothing."""
        if not line:
            data = b"\n".join(self._parts) if self._size_bytes <= ANSWER_BYTES_MAX else b""
            self._parts.clear()
            self._size_bytes = 0
            return data or None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._size_bytes += len(value)
            if self._size_bytes <= ANSWER_BYTES_MAX:
                self._parts.append(value.removeprefix(b" "))
        return None


class HermesStream:
    """Follows one Hermes for the tokens that have a feed there. See `OutsideSource`.

    Args:
        api: Where it is.
        tokens: Registered tokens; those without a feed are left out.
        take: Told of every price.
        refuse: Told what was wrong with what is none.
        silence_ns: Without a price for so long the stream is begun anew.
        backoff: Pauses between streams.
        pause: How long the server asked to be left alone.
        clock: Dates what comes.
    """

    source = Source.HERMES

    def __init__(
        self,
        api: HttpApi,
        tokens: Iterable[Token],
        *,
        take: Callable[[Pubkey, PriceReading], None],
        refuse: Callable[[Source, Refusal], None],
        silence_ns: int,
        backoff: Backoff,
        pause: Pause,
        clock: Clock,
    ) -> None:
        self._api = api
        self._by_feed: dict[str, list[Token]] = {}
        for token in tokens:
            if token.pyth_feed_id is not None:
                self._by_feed.setdefault(token.pyth_feed_id, []).append(token)
        self._take = take
        self._refuse = refuse
        self._silence_ns = silence_ns
        self._backoff = backoff
        self._pause = pause
        self._clock = clock
        self.tokens: Mapping[Pubkey, Token] = {one.mint: one for feed in self._by_feed.values() for one in feed}
        self.fault = "has not answered yet"
        self.connect_count = 0

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            self.fault = await self.follow_once()
            await asyncio.sleep(max(self._backoff.next_s(), self._pause.remaining_ns / NS_PER_S))

    async def follow_once(self) -> str:
        """Follow one stream to its end; why it ended, for people."""
        # Without the last one, a single feed that Hermes does not know is a 404 for all of them.
        asked = ("parsed=true", "encoding=base64", "ignore_invalid_price_ids=true")
        query = "&".join([*(f"ids%5B%5D={feed_id}" for feed_id in self._by_feed), *asked])
        self.connect_count += 1
        try:
            lines = self._api.lines(
                f"{self._api.target(_PATH, {})}{query}",
                headers={},
                silence_ns=self._silence_ns,
                content_type=_CONTENT_TYPE,
            )
            async with contextlib.aclosing(lines), asyncio.timeout(self._silence_ns / NS_PER_S) as silence:
                data = EventData()
                async for line in lines:
                    event = data.take(line)
                    if event is not None and self.see(event):
                        self.fault = ""
                        self._backoff.reset()
                        silence.reschedule(asyncio.get_running_loop().time() + self._silence_ns / NS_PER_S)
        except TimeoutError:
            return str(DeadlinePassed(self._api.provider, self._silence_ns // NS_PER_MS))
        except (UpstreamError, DataError, MarketError) as error:
            return str(error)
        return str(ProviderUnavailable(self._api.provider, "ended the stream"))

    def see(self, event: bytes) -> bool:
        """Take an event's prices; whether there was one to take."""
        try:
            told = orjson.loads(event)
            prices = told["parsed"]
            if not isinstance(prices, list):
                raise TypeError("parsed is no list")
        except (ValueError, KeyError, TypeError):
            self._refuse(Source.HERMES, Refusal.UNREADABLE)
            return False
        taken_count = sum(map(self._is_taken, prices[: len(self._by_feed)]))
        return taken_count > 0

    def _is_taken(self, told: Any) -> bool:
        try:
            tokens = self._by_feed.get(str(told["id"]).removeprefix("0x"), [])
            reading = self._reading(told["price"]) if tokens else None
        except (ValueError, KeyError, TypeError):
            self._refuse(Source.HERMES, Refusal.PRICE)
            return False
        if reading is None:
            self._refuse(Source.HERMES, Refusal.FEED_ID)
            return False
        for token in tokens:
            self._take(token.mint, reading)
        return True

    def _reading(self, told: Mapping[str, object]) -> PriceReading:
        """One price.

        Raises:
            ValueError, KeyError, TypeError: It is none.
        """
        exponent = bounded_int(told["expo"], low=-_EXPONENT_MAX, high=_EXPONENT_MAX)
        return PriceReading(
            source=Source.HERMES,
            price=decimal_int(told["price"], low=1, high=_I64_MAX) * 10.0**exponent,
            unit=Unit.USD,
            conf=decimal_int(told["conf"], low=0, high=U64_MAX) * 10.0**exponent,
            freshness=Freshness(moment(self._clock), 0, changed_unix_ns=self._clock.unix_ns()),
            published_unix_s=bounded_int(told["publish_time"], low=0, high=_UNIX_S_MAX),
        )
