"""Oracle prices as the local service knows them, followed at an interval."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from quote_core.clock import Moment
from quote_core.errors import UpstreamError
from quote_core.freshness import Freshness
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["FOREVER_NS", "OracleFollower", "OraclePrice", "OraclePrices"]

FOREVER_NS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class OraclePrice:
    """Dollars for a whole token, above zero, and when that was last known true.

    `disagreement` is how far the sources of the price disagree, a fraction not below zero; `disagreement_in_sol` is the
    same of the price in SOL, `None` for what is not priced in SOL.
    """

    usd: float
    freshness: Freshness
    disagreement: float = 0.0
    disagreement_in_sol: float | None = None


class OraclePrices:
    """Newest values of all tokens.

    A price once known is kept to size rows by: they need only be of about the right size. In a score it takes part for
    `stale_after_ns` after it was last vouched for, and no longer than the local service itself uses it; a score by an
    old price would praise whatever is as old.
    """

    def __init__(self, *, stale_after_ns: int) -> None:
        self._stale_after_ns = stale_after_ns
        self._by_mint: dict[Pubkey, OraclePrice] = {}
        self._unusable: set[Pubkey] = set()
        self.revision = 0
        """Goes up whenever a price may be another."""

    @property
    def usd_by_mint(self) -> Mapping[Pubkey, float]:
        """All prices known, however old: for sizes."""
        return {mint: price.usd for mint, price in self._by_mint.items()}

    def update(self, prices: Mapping[Pubkey, OraclePrice | None]) -> None:
        """Take newer prices; `None` is what the local service has no price of that it uses itself."""
        for mint, price in prices.items():
            if price is None:
                self._unusable.add(mint)
            else:
                self._by_mint[mint] = price
                self._unusable.discard(mint)
        self.revision += 1

    def rate(self, input_mint: Pubkey, output_mint: Pubkey, now: Moment) -> float | None:
        """Whole output tokens per whole input token, for scores; `None` when either price is unknown or stale."""
        return self.rate_until(input_mint, output_mint, now)[0]

    def disagreement(self, input_mint: Pubkey, output_mint: Pubkey) -> float:
        """How far the sources of a rate disagree, a fraction: of both prices together, and in SOL where both are."""
        input_price, output_price = self._by_mint.get(input_mint), self._by_mint.get(output_mint)
        if input_price is None or output_price is None:
            return 0.0
        in_sol = input_price.disagreement_in_sol, output_price.disagreement_in_sol
        if in_sol[0] is not None and in_sol[1] is not None:
            return in_sol[0] + in_sol[1]
        return input_price.disagreement + output_price.disagreement

    def rate_until(self, input_mint: Pubkey, output_mint: Pubkey, now: Moment) -> tuple[float | None, int]:
        """The same, and the last moment of CLOCK_MONOTONIC at which it is so, while `revision` is as it is.

        What ages by the wall clock, which may be set, is so for no time at all: that is a moment before `now`.
        """
        input_price, output_price = self._usable(input_mint), self._usable(output_mint)
        if input_price is None or output_price is None:
            return None, FOREVER_NS
        age_ns = max(input_price.freshness.age_ns(now), output_price.freshness.age_ns(now))
        rate = input_price.usd / output_price.usd if age_ns <= self._stale_after_ns else None
        for vouched in (input_price.freshness.vouched, output_price.freshness.vouched):
            if not vouched.boot_id or vouched.boot_id != now.boot_id or vouched.mono_ns > now.mono_ns:
                return rate, now.mono_ns - 1
        return rate, FOREVER_NS if rate is None else now.mono_ns + self._stale_after_ns - age_ns

    def _usable(self, mint: Pubkey) -> OraclePrice | None:
        return None if mint in self._unusable else self._by_mint.get(mint)


class OracleFollower:
    """Reads prices again and again, and hands them to whoever sizes rows by them."""

    def __init__(
        self,
        prices: OraclePrices,
        *,
        read: Callable[[], Awaitable[Mapping[Pubkey, OraclePrice | None]]],
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
