"""Which pool's offer a row takes, and when that is a change: the specification of `quote_rows`, which does it in C.

Fresh beats stale, then most output wins; ties break by pool id, in whose order bids come. A row changes when its
output, its pool or its staleness does; an impact alone, which follows from the pool's price, changes nothing.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from local_quote.impact import price_impact

__all__ = ["NO_OFFER", "Bid", "RowState", "settled"]

NO_OFFER: Final = -1


class RowState(NamedTuple):
    """What a row says: without a quote `offer` is `NO_OFFER` and `output` 0. Amounts in smallest units."""

    amount: int
    output: int = 0
    offer: int = NO_OFFER
    is_stale: bool = False
    version: int = 0
    quoted_unix_ns: int = 0
    quoted_mono_ns: int = 0
    price_impact: float = 0.0


class Bid(NamedTuple):
    """What one pool gives for one amount; `output` 0 = it does not fill it."""

    offer: int
    output: int
    net_price: float
    is_stale: bool


def settled(before: RowState, bids: Sequence[Bid], *, now_unix_ns: int, now_mono_ns: int) -> RowState | None:
    """The row with the best of the bids, the same object where that is no change; None where nobody fills it."""
    filling = [bid for bid in bids if bid.output > 0]
    if not filling:
        return None
    best = min(filling, key=lambda bid: (bid.is_stale, -bid.output))  # the first of equals
    if (before.output, before.offer, before.is_stale) == (best.output, best.offer, best.is_stale):
        return before
    return RowState(
        before.amount,
        best.output,
        best.offer,
        best.is_stale,
        before.version + 1,
        now_unix_ns,
        now_mono_ns,
        price_impact(before.amount, best.output, best.net_price),
    )
