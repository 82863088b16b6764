"""Frozen values about quotes that more than one service speaks of."""

import enum
from dataclasses import dataclass

from quote_core.units import Pubkey

__all__ = ["Provenance", "RouteHop"]


class Provenance(enum.Enum):
    """Where a pool's accounts come from. Only a recorded market serves anything but `CHAIN`."""

    CHAIN = 1
    RECORDED = 2
    SYNTHETIC = 3


@dataclass(frozen=True, slots=True)
class RouteHop:
    """One swap through one pool."""

    pool_id: Pubkey
    protocol: str
    input_mint: Pubkey
    output_mint: Pubkey
    input_amount: int
    output_amount: int
    provenance: Provenance
