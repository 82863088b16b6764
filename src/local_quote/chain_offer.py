"""What one chain of pools gives in one direction: a row's route through other tokens. Does no I/O.

A chain is priced as a pool is, all amounts of the direction at once: each pool's ladder takes what the ladder before it
gave, so that every amount is what the pools' own swaps give one after the other, to the unit. It is settled beside the
pair's own pools, and is fresh, usable and tradable where all its pools are.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import compress
from math import prod

from local_quote.dependencies import PairKey
from local_quote.pool_entry import PoolEntry
from local_quote.quote_rows import Offer
from local_quote.quoter import PoolQuoter
from quote_core.dex.pool import ChainClock, Direction
from quote_core.errors import NotTradable
from quote_core.quotes import route_id
from quote_core.tokens import Token
from quote_core.units import U64_MAX, Pubkey

__all__ = ["Chain", "ChainOffer"]

Chain = tuple[tuple[PoolEntry, Direction], ...]
"""The swaps of a route, one after the other, through a pool each."""


class ChainOffer(Offer):
    """What a chain gives for every amount of a direction; rows rest on it by its `number`, which is below -1."""

    def __init__(self, input_token: Token, output_token: Token, chain: Chain, number: int) -> None:
        super().__init__(input_token, output_token, number)
        self.chain = chain
        self.entries = tuple(entry for entry, _ in chain)
        self.pool_ids: tuple[Pubkey, ...] = tuple(entry.pool.address for entry in self.entries)
        self.route_id = route_id(self.pool_ids)
        self._net_prices: Sequence[float] = ()
        self._between: list[array[int]] = []  # what goes into each pool, and what comes out of the last

    @property
    def pairs(self) -> Iterable[PairKey]:
        """The pairs whose pools it goes through."""
        return (entry.pair for entry in self.entries)

    @property
    def depth_amount(self) -> int:
        """Input that would move the first of its pools by 1 %, smallest units, at the prices on the way; of 64 bits."""
        depths = [U64_MAX]
        rate = 1.0  # of what goes into a pool to what goes into the chain
        for (entry, way), net_price in zip(self.chain, self._net_prices, strict=True):
            depths.append(int(min(entry.prices.depth_amount(way) / rate, float(U64_MAX))))
            rate *= net_price
        return min(depths)

    def amounts(self, position: int) -> tuple[int, ...]:
        """Of the direction's amount at `position`: what goes into each pool, and what comes out of the last."""
        return tuple(amounts[position] for amounts in self._between)

    def price(self, amounts: "array[int]", quoter: PoolQuoter) -> None:
        """Take what the chain gives for the direction's amounts now; nothing where one of its pools gives nothing."""
        self.outputs, self._between = None, []
        if not all(map(quoter.is_usable, self.entries)):
            return
        clock, between, net_prices = quoter.now_on_chain(), [amounts], []
        try:
            for entry, way in self.chain:
                between.append(_through(entry, way, between[-1], clock))
                net_prices.append(entry.prices.told(entry.pool, way, clock).net_price)
        except NotTradable:
            return
        self._between, self._net_prices = between, net_prices
        if min(net_prices) > 0.0:
            self.outputs = between[-1]
            self._stand_now(quoter)

    def keep(self, kept: Sequence[bool]) -> None:
        """Let the amounts go that are not kept, and what was given for them: the others are as they were."""
        self._between = [array("Q", compress(amounts, kept)) for amounts in self._between]
        if self.outputs is not None:
            self.outputs = self._between[-1]

    def is_standing(self, quoter: PoolQuoter) -> bool:
        """Whether it gives something and all its pools are usable now; `is_stale` is as of now, then."""
        if self.outputs is None or not all(map(quoter.is_usable, self.entries)):
            return False
        self._stand_now(quoter)
        return True

    def _stand_now(self, quoter: PoolQuoter) -> None:
        self.stand(prod(self._net_prices), any(map(quoter.is_stale, self.entries)))


def _through(entry: PoolEntry, way: Direction, amounts: "array[int]", clock: ChainClock) -> "array[int]":
    """What a pool gives for ascending amounts, 0 where nothing comes in."""
    pool = entry.to_price()
    if all(amounts):
        return _as_array(pool.ladder(way, amounts, clock))
    outputs = array("Q", bytes(8 * len(amounts)))
    places = [place for place, amount in enumerate(amounts) if amount]
    for place, output in zip(places, pool.ladder(way, [amounts[one] for one in places], clock), strict=True):
        outputs[place] = output
    return outputs


def _as_array(outputs: Sequence[int]) -> "array[int]":
    return outputs if isinstance(outputs, array) else array("Q", outputs)
