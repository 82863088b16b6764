"""Frozen values about quotes that more than one service speaks of."""

import enum
import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from quote_core.units import Pubkey

__all__ = [
    "CIRCULAR_HOPS_MIN",
    "HOP_COUNT_MAX",
    "LEG_COUNT_MAX",
    "Provenance",
    "QuoteKey",
    "RouteHop",
    "route_id",
    "split_route_id",
    "worst_provenance",
]

HOP_COUNT_MAX: Final = 3
"""Most swaps one after the other of a route that is searched."""

CIRCULAR_HOPS_MIN: Final = 2
"""Fewest swaps that can come back to the token they began with."""

LEG_COUNT_MAX: Final = 3
"""Most routes that one amount is split over."""


class Provenance(enum.Enum):
    """Where an account, or a pool's accounts, come from. Only a recorded market serves anything but `CHAIN`.

    `PATCHED` is a recorded account whose content follows the recorded market's own flow, such as its oracle prices.
    """

    CHAIN = 1
    RECORDED = 2
    SYNTHETIC = 3
    PATCHED = 4


_CLAIMS_LESS: Final = (Provenance.CHAIN, Provenance.RECORDED, Provenance.PATCHED, Provenance.SYNTHETIC)


def worst_provenance(provenances: Iterable[Provenance]) -> Provenance:
    """The one that claims least: SYNTHETIC, then PATCHED, then RECORDED, then CHAIN."""
    return max(provenances, key=_CLAIMS_LESS.index)


class QuoteKey(NamedTuple):
    """What a quote is for: an amount in smallest units of the input token, in one direction of a pair."""

    input_mint: Pubkey
    output_mint: Pubkey
    input_amount: int


class RouteHop(NamedTuple):
    """One swap through one pool. Of a provider's route `protocol` is the provider's own name of the DEX.

    `fee_amount` is all trading fees of the hop, smallest units of `fee_mint`. Where the source does not tell, it and
    `provenance` are `None`, an amount is 0 and `pool_id` is empty. `leg` says which part of a split it belongs to,
    `leg_percent` how much of the route's input it takes; 0 = all, or not told.
    """

    pool_id: Pubkey
    protocol: str
    input_mint: Pubkey
    output_mint: Pubkey
    input_amount: int
    output_amount: int
    fee_amount: int | None = None
    fee_mint: Pubkey | None = None
    provenance: Provenance | None = None
    leg: int = 0
    leg_percent: int = 0


def route_id(pool_ids: Sequence[Pubkey]) -> int:
    """Identify a route by its pools in order, as 64 bits; whoever quotes it, the same pools give the same id."""
    return _hashed("/".join(pool_ids))


def split_route_id(legs: Sequence[tuple[Sequence[Pubkey], int]]) -> int:
    """Identify a split by the pools and the percent of each part, in their order; one part alone has its `route_id`."""
    if len(legs) == 1:
        return route_id(legs[0][0])
    return _hashed(";".join(f"{percent}%{'/'.join(pool_ids)}" for pool_ids, percent in legs))


def _hashed(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
