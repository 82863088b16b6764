"""Oracle prices as the local service knows them, followed at an interval."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from quote_core.clock import NO_MOMENT, Moment
from quote_core.errors import UpstreamError
from quote_core.freshness import Freshness
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["OracleFollower", "OraclePrice", "OraclePrices"]


@dataclass(frozen=True, slots=True)
class OraclePrice:
    """Dollars for a whole token, above zero, and when that was last known true."""

    usd: float
    freshness: Freshness


class OraclePrices:
    """Newest values of all tokens.

    A price once known is kept to size rows by: they need only be of about the right size. In a score it takes part for
    `stale_after_ns` after it was last vouched for; a score by an old price would praise whatever is as old.
    """

    def __init__(self, *, stale_after_ns: int) -> None:
        self._stale_after_ns = stale_after_ns
        self._by_mint: dict[Pubkey, OraclePrice] = {}
        self._rates: dict[tuple[Pubkey, Pubkey], float | None] = {}
        self._rates_at = NO_MOMENT

    @property
    def usd_by_mint(self) -> Mapping[Pubkey, float]:
        """All prices known, however old: for sizes."""
        return {mint: price.usd for mint, price in self._by_mint.items()}

    def update(self, prices: Mapping[Pubkey, OraclePrice]) -> None:
        """Take newer prices."""
        self._by_mint.update(prices)
        self._rates.clear()

    def rate(self, input_mint: Pubkey, output_mint: Pubkey, now: Moment) -> float | None:
        """Whole output tokens per whole input token, for scores; `None` when either price is unknown or stale."""
        # A message's rows are scored as of one moment, and forty of them are of one pair and direction.
        if now is not self._rates_at:
            self._rates.clear()
            self._rates_at = now
        pair = input_mint, output_mint
        if pair not in self._rates:
            self._rates[pair] = self._rate(input_mint, output_mint, now)
        return self._rates[pair]

    def _rate(self, input_mint: Pubkey, output_mint: Pubkey, now: Moment) -> float | None:
        input_price, output_price = self._by_mint.get(input_mint), self._by_mint.get(output_mint)
        if input_price is None or output_price is None:
            return None
        age_ns = max(input_price.freshness.age_ns(now), output_price.freshness.age_ns(now))
        return input_price.usd / output_price.usd if age_ns <= self._stale_after_ns else None


class OracleFollower:
    """Reads prices again and again, and hands them to whoever sizes rows by them."""

    def __init__(
        self,
        prices: OraclePrices,
        *,
        read: Callable[[], Awaitable[Mapping[Pubkey, OraclePrice]]],
        follow: Callable[[Mapping[Pubkey, float]], object],
        interval_ns: int,
    ) -> None:
        self._prices = prices
        self._read = read
        self._follow = follow
        self._interval_ns = interval_ns
        self.failure_count = 0

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(self._interval_ns / NS_PER_S)

    async def step(self) -> None:
        """Read once; without an answer what is known stays."""
        try:
            self._prices.update(await self._read())
        except UpstreamError:
            self.failure_count += 1
        else:
            self._follow(self._prices.usd_by_mint)
