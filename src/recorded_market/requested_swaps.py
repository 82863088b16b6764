"""Swaps asked for by whoever trades here on paper: each is made once, in the next slot that is of no fork.

A swap has a name of its own, so that one asked for again is known. What is asked for is part of what the market's bytes
depend on; the flow goes on from the pools as the swap left them. A swap that the pool refuses then moves nothing.
"""

import enum
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from quote_core.dex.pool import ChainClock, Direction
from quote_core.errors import InvalidField
from quote_core.units import Pubkey
from recorded_market.pool_book import PoolBook

__all__ = ["QUEUE_COUNT_MAX", "Asking", "RequestedSwap", "RequestedSwaps"]

QUEUE_COUNT_MAX: Final = 10_000
REMEMBERED_COUNT_MAX: Final = 200_000
"""Names; beyond, the oldest are forgotten. At a hundred hops a second half an hour of them."""


class Asking(enum.StrEnum):
    """What became of a request."""

    NEXT = "next"
    """It is made in the next slot."""
    KNOWN = "known"
    """It was asked for before."""
    FULL = "full"
    """Too many wait; ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedSwap:
    """An exact-in swap through one pool; `amount_in` in the smallest unit of `input_mint`."""

    name: str
    pool_id: Pubkey
    input_mint: Pubkey
    amount_in: int


class RequestedSwaps:
    """Those that wait for their slot, and the names of all there were."""

    def __init__(self, book: PoolBook) -> None:
        self._book = book
        self._pools = {pool.address: pool for pool in book.pools}
        self._waiting: deque[tuple[RequestedSwap, Direction]] = deque()
        self._names: OrderedDict[str, None] = OrderedDict()
        self.made_count = 0

    def ask(self, swap: RequestedSwap) -> Asking:
        """Have it made in the next slot.

        Raises:
            InvalidField: There is no such pool, or it does not take that token.
        """
        pool = self._pools.get(swap.pool_id)
        if pool is None:
            raise InvalidField("pool", "is none of this market's")
        if swap.input_mint not in (pool.mint_a, pool.mint_b):
            raise InvalidField("inputMint", "is none of the pool's tokens")
        if swap.name in self._names:
            return Asking.KNOWN
        if len(self._waiting) >= QUEUE_COUNT_MAX:
            return Asking.FULL
        self._names[swap.name] = None
        if len(self._names) > REMEMBERED_COUNT_MAX:
            self._names.popitem(last=False)
        direction = Direction.A_TO_B if swap.input_mint == pool.mint_a else Direction.B_TO_A
        self._waiting.append((swap, direction))
        return Asking.NEXT

    def play(self, clock: ChainClock) -> None:
        """Make all that wait, in the order in which they were asked for."""
        while self._waiting:
            swap, direction = self._waiting.popleft()
            made = self._book.swap(self._pools[swap.pool_id], direction, swap.amount_in, clock)
            self.made_count += made is not None
