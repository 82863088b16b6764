"""Oracle prices as the local service knows them, followed at an interval."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from quote_core.errors import TooManyQuotes, UpstreamError
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["OracleFollower", "OraclePrices"]


class OraclePrices:
    """Dollars for a whole token, newest values. A price once known is kept: it only sizes and scores."""

    def __init__(self) -> None:
        self._usd_by_mint: dict[Pubkey, float] = {}

    @property
    def usd_by_mint(self) -> Mapping[Pubkey, float]:
        """All prices known."""
        return self._usd_by_mint

    def update(self, usd_by_mint: Mapping[Pubkey, float]) -> None:
        """Take newer prices."""
        self._usd_by_mint.update(usd_by_mint)

    def price(self, input_mint: Pubkey, output_mint: Pubkey) -> float | None:
        """Whole output tokens per whole input token; `None` when either is unknown."""
        input_usd, output_usd = self._usd_by_mint.get(input_mint), self._usd_by_mint.get(output_mint)
        return input_usd / output_usd if input_usd and output_usd else None


class OracleFollower:
    """Reads prices again and again, and hands them to whoever sizes rows by them."""

    def __init__(
        self,
        prices: OraclePrices,
        *,
        read: Callable[[], Awaitable[Mapping[Pubkey, float]]],
        follow: Callable[[Mapping[Pubkey, float]], object],
        interval_ns: int,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self._prices = prices
        self._read = read
        self._follow = follow
        self._interval_ns = interval_ns
        self._log = log
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
            self._follow(self._prices.usd_by_mint)
        except UpstreamError:
            self.failure_count += 1
        except TooManyQuotes as error:
            # Client rows fill the table: reverse rows stay at their old amounts until some are given back.
            self.failure_count += 1
            self._log.warning("watched rows not resized", reason=str(error))
