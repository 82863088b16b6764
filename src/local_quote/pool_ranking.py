"""Which pools are worth holding: the deepest of each pair on each DEX, above a floor, while there is room. Pure.

A pool's depth is what moves its price by 1 %, in lamports. One whose depth is not known (it refuses swaps now, or no
token of it has a price) comes behind all whose depth is. Held pools count as a quarter deeper than they are, so that
two of about the same depth do not take turns.

| in this order                         | is dropped when                                                    |
|---------------------------------------|--------------------------------------------------------------------|
| named in the settings                 | there is no room even for those named                              |
| of a known depth                      | it is below the floor, enough deeper ones of its pair and DEX are  |
|                                       | held, or there is no room                                          |
| of an unknown depth                   | the same, but for the floor                                        |
"""

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from local_quote.dependencies import PairKey
from quote_core.dex.pool import Dex
from quote_core.units import Pubkey

__all__ = ["Candidate", "DropReason", "DroppedPool", "RankingLimits", "ranked"]

_HELD_QUARTERS: Final = 5


class DropReason(enum.Enum):
    """Why a pool is not held."""

    SHALLOW = "shallow"
    OUTRANKED = "outranked"
    NO_ROOM = "no_room"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pool that could be held.

    Attributes:
        pool_id: Its address.
        pair: Its mints.
        dex: Whose it is.
        depth_lamports: What moves its price by 1 %; `None` = not known.
        is_named: Whether the settings name it.
        is_held: Whether it is held now.
    """

    pool_id: Pubkey
    pair: PairKey
    dex: Dex
    depth_lamports: int | None
    is_named: bool = False
    is_held: bool = False

    def rank(self) -> tuple[bool, bool, int, Pubkey]:
        """What it is sorted by; the most worth holding is least."""
        quarters = (self.depth_lamports or 0) * (_HELD_QUARTERS if self.is_held else 4)
        return not self.is_named, self.depth_lamports is None, -quarters, self.pool_id


@dataclass(frozen=True, slots=True)
class RankingLimits:
    """What is held at most.

    Attributes:
        floor_lamports: Shallower pools are not held.
        per_pair_and_dex_max: So many pools of a pair on one DEX.
        count_max: So many in all.
    """

    floor_lamports: int
    per_pair_and_dex_max: int
    count_max: int


@dataclass(frozen=True, slots=True)
class DroppedPool:
    """A pool that is known and not held."""

    candidate: Candidate
    reason: DropReason


def ranked(candidates: Iterable[Candidate], limits: RankingLimits) -> tuple[list[Candidate], list[DroppedPool]]:
    """Those to hold, most worth holding first, and those to drop, each with the reason."""
    kept: list[Candidate] = []
    dropped: list[DroppedPool] = []
    held_of: Counter[tuple[PairKey, Dex]] = Counter()
    for candidate in sorted(candidates, key=Candidate.rank):
        place, depth = (candidate.pair, candidate.dex), candidate.depth_lamports
        if len(kept) >= limits.count_max:
            dropped.append(DroppedPool(candidate, DropReason.NO_ROOM))
        elif not candidate.is_named and depth is not None and depth < limits.floor_lamports:
            dropped.append(DroppedPool(candidate, DropReason.SHALLOW))
        elif not candidate.is_named and held_of[place] >= limits.per_pair_and_dex_max:
            dropped.append(DroppedPool(candidate, DropReason.OUTRANKED))
        else:
            kept.append(candidate)
            held_of[place] += 1
    return kept, dropped
