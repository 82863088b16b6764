"""Who trades in the recorded market, and when, after what one sees on the chain.

| who         | does                                                        | how often                   |
|-------------|-------------------------------------------------------------|-----------------------------|
| retail      | small swaps, either way: a few basis points of price        | some every slot             |
| whale       | one large swap through one pool, 1 to 2 % off the others    | about once a minute a pair  |
| arbitrageur | sees a price off by more than the fee, comes 2 to 6 s later | whenever there is something |
|             | with the amount that gains most at the fair price           | to gain                     |

So gaps between the pools of a pair open at once and close within seconds, and most of the time pools lie within their
fees of each other. All chance comes from the random source handed in, in a fixed order.
"""

from collections.abc import Iterable, Mapping
from random import Random

from quote_core.dex.pool import ChainClock, Direction, Pool
from quote_core.units import Pubkey
from recorded_market.fair_value import Value, fair_ratio
from recorded_market.pool_book import PoolBook
from recorded_market.sizing import amount_for_impact, amount_for_profit

__all__ = ["Traders"]

RETAIL_COUNT_PER_SLOT = 2
RETAIL_IMPACT_BPS_MAX = 5
WHALE_EVERY_SLOTS = 150
"""A pair sees a whale once in so many slots on average: one minute."""
WHALE_IMPACT_BPS = range(110, 221)
ARBITRAGE_DELAY_SLOTS = range(5, 16)
ARBITRAGE_MARGIN_FRACTION = 0.0002
"""How far beyond its fee a pool's price must be off before anybody sets out."""

_Pair = tuple[Pubkey, Pubkey]


class Traders:
    """Trade through a pool book, one slot at a time."""

    def __init__(self, book: PoolBook) -> None:
        self._book = book
        self._arrivals: dict[Pubkey, int] = {}

    def trade(self, clock: ChainClock, values: Mapping[Pubkey, Value], random: Random) -> int:
        """Make this slot's swaps; give how many went through."""
        pools = [pool for pool in self._book.tradable(clock) if pool.mint_a in values and pool.mint_b in values]
        if not pools:
            return 0
        swap_count = self._whales(pools, clock, random)
        for _ in range(RETAIL_COUNT_PER_SLOT):
            impact_bps = random.randrange(1, RETAIL_IMPACT_BPS_MAX + 1)
            swap_count += self._push(random.choice(pools), impact_bps, clock, random)
        return swap_count + self._arbitrage(pools, clock, values, random)

    def _whales(self, pools: Iterable[Pool], clock: ChainClock, random: Random) -> int:
        swap_count = 0
        for pair_pools in _by_pair(pools).values():
            if random.randrange(WHALE_EVERY_SLOTS) == 0:
                swap_count += self._push(random.choice(pair_pools), random.choice(WHALE_IMPACT_BPS), clock, random)
        return swap_count

    def _push(self, pool: Pool, impact_bps: int, clock: ChainClock, random: Random) -> int:
        direction = random.choice((Direction.A_TO_B, Direction.B_TO_A))
        return self._fill(pool, direction, amount_for_impact(pool, direction, impact_bps, clock), clock)

    def _arbitrage(
        self, pools: Iterable[Pool], clock: ChainClock, values: Mapping[Pubkey, Value], random: Random
    ) -> int:
        swap_count = 0
        for pool in pools:
            fair = fair_ratio(values[pool.mint_a], values[pool.mint_b])
            direction = _mispriced(pool, fair, clock)
            if direction is None:
                self._arrivals.pop(pool.address, None)
                continue
            arrival_slot = self._arrivals.setdefault(pool.address, clock.slot + random.choice(ARBITRAGE_DELAY_SLOTS))
            if clock.slot >= arrival_slot:
                del self._arrivals[pool.address]
                swap_count += self._fill(pool, direction, amount_for_profit(pool, direction, fair, clock), clock)
        return swap_count

    def _fill(self, pool: Pool, direction: Direction, amount_in: int, clock: ChainClock) -> int:
        return int(amount_in > 0 and self._book.swap(pool, direction, amount_in, clock) is not None)


def _mispriced(pool: Pool, fair: tuple[int, int], clock: ChainClock) -> Direction | None:
    """Which way to swap to gain against the fair price; None where the fee eats the gap."""
    numerator, denominator = fair
    gap_fraction = pool.spot_price(clock) * denominator / numerator - 1.0
    direction = Direction.A_TO_B if gap_fraction > 0 else Direction.B_TO_A
    is_worth = abs(gap_fraction) > pool.fee_fraction(direction, clock) + ARBITRAGE_MARGIN_FRACTION
    return direction if is_worth else None


def _by_pair(pools: Iterable[Pool]) -> dict[_Pair, list[Pool]]:
    pairs: dict[_Pair, list[Pool]] = {}
    for pool in pools:
        mints = sorted((pool.mint_a, pool.mint_b))
        pairs.setdefault((mints[0], mints[1]), []).append(pool)
    return pairs
