"""Depth that a trade on paper took, and how much of it the market has traded by itself since. Does no I/O.

No transaction took it, so the pool does not show it; who took it brings it along with a route to simulate, and the
route is priced behind it. Two things end it:

| the market since           | then                                                                  |
|----------------------------|-----------------------------------------------------------------------|
| trades the other way       | that much comes before it again: it is swapped on the pool as it is   |
| trades the same way        | what lies before the furthest price reached is gone: others have      |
|                            | traded what it would have left nothing of                             |

How far the market went is read from the pool's own price, as it was after each change. In a bin of the DLMM, where
the price stands still, depth is gone once the price has left the bin.
"""

import math
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import Final

from quote_core.dex.pool import Direction

__all__ = ["PRICES_HELD_MAX", "LocalTakenDepth", "PricePath", "left_amount"]

PRICES_HELD_MAX: Final = 512
"""Peaks, and troughs, kept of a pool; the highest are dropped first, and what they ended counts as taken a while more.

A peak hides all before it that were lower, so a price that wanders leaves few.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTakenDepth:
    """See `TakenDepth` in local_quote.proto."""

    input_amount: int
    price_before: float
    price_after: float
    since_slot: int


class PricePath:
    """How far a pool's price went since any slot: the peaks that no later price has reached, and the troughs."""

    def __init__(self) -> None:
        self._peaks: deque[tuple[int, float]] = deque(maxlen=PRICES_HELD_MAX)
        self._troughs: deque[tuple[int, float]] = deque(maxlen=PRICES_HELD_MAX)

    def note(self, slot: int, price: float) -> None:
        """The price after a change at `slot`, which is not before that of the last one."""
        while self._peaks and self._peaks[-1][1] <= price:
            self._peaks.pop()
        self._peaks.append((slot, price))
        while self._troughs and self._troughs[-1][1] >= price:
            self._troughs.pop()
        self._troughs.append((slot, price))

    def furthest(self, direction: Direction, *, since_slot: int, price_now: float) -> float:
        """The lowest price (A in) or the highest (B in) after `since_slot`, that of now included."""
        turns = self._troughs if direction is Direction.A_TO_B else self._peaks
        position = bisect_right(turns, since_slot, key=lambda turn: turn[0])
        if position == len(turns):
            return price_now
        further = min if direction is Direction.A_TO_B else max
        return further(turns[position][1], price_now)


def left_amount(taken: LocalTakenDepth, direction: Direction, furthest_price: float) -> int:
    """How much of `taken` is still taken, rounded up: 0 to all of it.

    Args:
        taken: What was taken, in `direction`.
        direction: Which token went in.
        furthest_price: How far the market went by itself since, in that direction.
    """
    sign = -1.0 if direction is Direction.A_TO_B else 1.0
    went = sign * (furthest_price - taken.price_before)
    span = max(0.0, sign * (taken.price_after - taken.price_before))
    if went <= 0.0:
        return taken.input_amount
    if went >= span:
        return 0
    return min(taken.input_amount, math.ceil(taken.input_amount * ((span - went) / span)))
