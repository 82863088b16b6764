"""When the chains that rows rest on were priced, so that a row's route can be found again from its quote's id.

What a row told was priced at some moment (`account_history`): from the accounts held then it is worked out again. One
note stands for all amounts of a direction. Does no I/O.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from quote_core.units import Pubkey

__all__ = ["ChainsPriced", "PricedChain"]

_Kept = tuple[int, int]


class PricedChain(NamedTuple):
    """A chain's pools in order, and what goes into the first; `moment` is that of the accounts it was priced from."""

    pool_ids: tuple[Pubkey, ...]
    input_mint: Pubkey
    moment: int


class ChainsPriced:
    """The last `count_max` pricings, of all chains together; the oldest goes first."""

    def __init__(self, *, count_max: int) -> None:
        self._count_max = count_max
        self._chains: dict[tuple[int, Pubkey], tuple[tuple[Pubkey, ...], deque[_Kept]]] = {}
        self._order: deque[tuple[int, Pubkey]] = deque()

    def __len__(self) -> int:
        return len(self._order)

    def note(self, route: int, pool_ids: tuple[Pubkey, ...], input_mint: Pubkey, *, moment: int, slot: int) -> None:
        """A chain was priced; `slot` is the lowest of its pools: what is told of it later is of that one or a newer."""
        key = route, input_mint
        self._chains.setdefault(key, (pool_ids, deque()))[1].append((moment, slot))
        self._order.append(key)
        if len(self._order) > self._count_max:
            oldest = self._order.popleft()
            kept = self._chains[oldest][1]
            kept.popleft()
            if not kept:
                del self._chains[oldest]

    def find(self, route: int, slot: int) -> Iterator[PricedChain]:
        """The pricings of a route that a quote of `slot` may rest on, newest first: those of no later slot."""
        for (known, mint), (pool_ids, kept) in list(self._chains.items()):
            if known == route:
                for moment, priced_slot in reversed(kept):
                    if priced_slot <= slot:
                        yield PricedChain(pool_ids, mint, moment)
