"""Frozen values about quotes that more than one service speaks of."""

import enum
import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from quote_core.units import Pubkey

__all__ = ["Provenance", "QuoteKey", "RouteHop", "route_id", "worst_provenance"]


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

    `fee_amount` is all trading fees of the hop, smallest units of `fee_mint`; it and `provenance` are `None` where the
    source does not tell.
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


def route_id(pool_ids: Sequence[Pubkey]) -> int:
    """Identify a route by its pools in order, as 64 bits; whoever quotes it, the same pools give the same id."""
    return int.from_bytes(hashlib.blake2b("/".join(pool_ids).encode(), digest_size=8).digest(), "little")
