"""The market's flow: given the accounts of the first slot and a seed, the accounts that each later slot changes.

Pure: no clock, no I/O. What slot N holds depends on the first slot and the seed alone, never on wall time or on who
reads. Each slot draws from its own random source, seeded by seed and slot.
"""

import statistics
from collections.abc import Mapping
from random import Random

from quote_core.dex.pool import Account, ChainClock
from quote_core.errors import LayoutMismatch
from quote_core.tokens import Token, TokenRegistry
from quote_core.units import Pubkey
from recorded_market.fair_value import RATIO_BITS, PriceWalk, Value
from recorded_market.oracles import Oracles, recorded_feeds, recorded_rates
from recorded_market.pool_book import PoolBook
from recorded_market.traders import Traders

__all__ = ["Flow"]


class Flow:
    """Plays slots in order, each once."""

    def __init__(
        self,
        accounts: Mapping[Pubkey, Account],
        tokens: TokenRegistry,
        oracles: Oracles,
        *,
        clock: ChainClock,
        seed: int,
    ) -> None:
        self._seed = seed
        self._oracles = oracles
        self.book = PoolBook(accounts)
        self._traders = Traders(self.book)
        self._sol = tokens.resolve("SOL", field="flow")
        self._stables = [token for token in tokens if token.category == "stable"]
        self._feeds = recorded_feeds(accounts, tokens)
        self._lst_values = {
            mint: Value(rate.numerator, rate.denominator) for mint, rate in recorded_rates(accounts, tokens).items()
        }
        self._walk = PriceWalk(self._recorded_sol_price(clock))
        self._unlisted = self._recorded_ratios(clock)
        self.swap_count = 0

    def open(self, clock: ChainClock) -> Mapping[Pubkey, Account]:
        """The oracle accounts as they stand in the first slot, before any swap."""
        return self._oracles.update(clock, {self._sol.mint: self._walk.price})

    def play(self, clock: ChainClock) -> Mapping[Pubkey, Account]:
        """The accounts that the slot of `clock` changes."""
        random = Random(f"{self._seed}/{clock.slot}")
        self._walk.step(random)
        self.swap_count += self._traders.trade(clock, self._values(), random)
        return {**self.book.take_changes(), **self._oracles.update(clock, {self._sol.mint: self._walk.price})}

    def take_back(self, accounts: Mapping[Pubkey, Account]) -> None:
        """Go on from these accounts as they are here: slots that changed them were of a fork. Prices outside stay."""
        self.book.take_back(accounts)

    def _values(self) -> Mapping[Pubkey, Value]:
        values = {**self._lst_values, self._sol.mint: Value(1, 1)}
        for stable in self._stables:
            if stable.mint in self._feeds:
                values[stable.mint] = self._stable_value(stable, self._walk.price)
        for mint, (counter_mint, ratio_x32) in self._unlisted.items():
            values[mint] = values[counter_mint].through(ratio_x32)
        return values

    def _recorded_ratios(self, clock: ChainClock) -> Mapping[Pubkey, tuple[Pubkey, int]]:
        """Tokens that only a recorded pool values: (the pool's other token, units of it times 2^32), by mint."""
        known = {self._sol.mint, *self._lst_values, *(stable.mint for stable in self._stables)}
        return {
            pool.mint_a: (pool.mint_b, round(pool.spot_price(clock) * 2**RATIO_BITS))
            for pool in self.book.tradable(clock)
            if pool.mint_a not in known and pool.mint_b in known
        }

    def _stable_value(self, stable: Token, sol_price: int) -> Value:
        """Lamports of a stable coin, through the dollar prices of both."""
        stable_feed, sol_feed = self._feeds[stable.mint], self._feeds[self._sol.mint]
        numerator = stable_feed.price * 10**self._sol.decimals
        denominator = sol_price * 10**stable.decimals
        exponent = stable_feed.exponent - sol_feed.exponent
        return Value(numerator * 10 ** max(exponent, 0), denominator * 10 ** max(-exponent, 0))

    def _recorded_sol_price(self, clock: ChainClock) -> int:
        """Where the recorded pools of SOL and stable coins stand, in the unit of SOL's feed.

        Their median, not the recorded feed: feed and pools were recorded weeks apart.
        """
        sol_feed = self._feeds.get(self._sol.mint)
        if sol_feed is None:
            raise LayoutMismatch("recording", f"holds no price feed of {self._sol.symbol}")
        stables = {stable.mint: stable for stable in self._stables if stable.mint in self._feeds}
        prices = []
        for pool in self.book.tradable(clock):
            stable = stables.get(pool.mint_b)
            if pool.mint_a == self._sol.mint and stable is not None:
                unit = self._stable_value(stable, 1)  # lamports of one unit if SOL cost 10**exponent dollars
                prices.append(round(pool.spot_price(clock) * unit.numerator / unit.denominator))
        return statistics.median_low(prices) if prices else sol_feed.price
