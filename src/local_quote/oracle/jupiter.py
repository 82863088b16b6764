"""Jupiter's price API, version 3: `GET ?ids=mint,mint` answers `{mint: {usdPrice, blockId, decimals, ...}}`.

A token that Jupiter has no price for is left out of the answer. `blockId` is the slot the price is of. Each token's
price is read by itself: one that is none is counted, and the others are taken.

Source: jup-ag/docs, api-reference/price/v3.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import orjson

from local_quote.oracle.reading import PRICE_MAX, PRICE_MIN, PriceReading, Refusal, Source, Unit
from quote_core.clock import Clock, moment
from quote_core.errors import DataError, LayoutMismatch, MarketError, UpstreamError
from quote_core.freshness import Freshness
from quote_core.outside import SLOT_MAX, bounded_int, finite
from quote_core.outside_api import HttpApi
from quote_core.resilience import Backoff, Pause
from quote_core.settings import SecretStr
from quote_core.tokens import Token
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["JupiterPrices"]

_TOKENS_PER_REQUEST_MAX: Final = 50


class JupiterPrices:
    """Asks for every registered token's price at an interval. See `OutsideSource`.

    Args:
        api: Where it is; the base URL is the whole of it.
        tokens: Registered tokens.
        api_key: Goes into the header `x-api-key`; `None` = keyless.
        take: Told of every price.
        refuse: Told what was wrong with what is none.
        interval_ns: From the end of one round to the next.
        timeout_ns: A request has ended after this.
        backoff: Longer pauses while it does not answer.
        pause: How long it asked to be left alone.
        clock: Dates what comes.
    """

    source = Source.JUPITER

    def __init__(
        self,
        api: HttpApi,
        tokens: Iterable[Token],
        *,
        api_key: SecretStr | None,
        take: Callable[[Pubkey, PriceReading], None],
        refuse: Callable[[Source, Refusal], None],
        interval_ns: int,
        timeout_ns: int,
        backoff: Backoff,
        pause: Pause,
        clock: Clock,
    ) -> None:
        self.tokens: Mapping[Pubkey, Token] = {token.mint: token for token in tokens}
        self._api = api
        self._headers = {} if api_key is None else {"x-api-key": api_key.get_secret_value()}
        self._take = take
        self._refuse = refuse
        self._interval_ns = interval_ns
        self._timeout_ns = timeout_ns
        self._backoff = backoff
        self._pause = pause
        self._clock = clock
        self.fault = "has not answered yet"

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            self.fault = await self.ask_once()
            pause_s = max(self._interval_ns, self._pause.remaining_ns) / NS_PER_S
            if self.fault:
                pause_s = max(pause_s, self._backoff.next_s())
            else:
                self._backoff.reset()
            await asyncio.sleep(pause_s)

    async def ask_once(self) -> str:
        """One round over all tokens; why it did not end well, for people."""
        for mints in _batched(self.tokens):
            try:
                target = self._api.target("", {"ids": ",".join(mints)})
                self.see(await self._api.get(target, headers=self._headers, timeout_ns=self._timeout_ns), mints)
            except (UpstreamError, DataError, MarketError) as error:
                return str(error)
        return ""

    def see(self, body: bytes, mints: Sequence[Pubkey]) -> None:
        """Take an answer's prices of the mints asked for.

        Raises:
            LayoutMismatch: It is not of this API.
        """
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            self._refuse(Source.JUPITER, Refusal.UNREADABLE)
            raise LayoutMismatch(self._api.provider, "answer is not JSON") from error
        if not isinstance(told, dict):
            self._refuse(Source.JUPITER, Refusal.UNREADABLE)
            raise LayoutMismatch(self._api.provider, "answer is not of price v3: it is no object")
        for mint in mints:
            price = told.get(mint)
            if price is not None:
                self._see_price(self.tokens[mint], price)

    def _see_price(self, token: Token, told: Any) -> None:
        try:
            price = finite(told["usdPrice"], low=PRICE_MIN, high=PRICE_MAX)
            slot = told.get("blockId")
            published_slot = None if slot is None else bounded_int(slot, low=0, high=SLOT_MAX)
        except (ValueError, KeyError, TypeError, AttributeError):
            self._refuse(Source.JUPITER, Refusal.PRICE)
            return
        if told.get("decimals", token.decimals) != token.decimals:
            self._refuse(Source.JUPITER, Refusal.DECIMALS)
            return
        self._take(
            token.mint,
            PriceReading(
                source=Source.JUPITER,
                price=price,
                unit=Unit.USD,
                freshness=Freshness(moment(self._clock), 0, changed_unix_ns=self._clock.unix_ns()),
                published_slot=published_slot,
            ),
        )


def _batched(mints: Iterable[Pubkey]) -> Iterator[tuple[Pubkey, ...]]:
    rest = iter(mints)
    while batch := tuple(islice(rest, _TOKENS_PER_REQUEST_MAX)):
        yield batch
