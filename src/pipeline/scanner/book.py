"""The scanner's own copy of the watched rows, by pair and direction: what the detection looks at.

Only the platform's own rows are taken, by their numbers (`quote_core.watch`): what a client has subscribed to is
nothing to trade on. What stands in shared memory is believed within bounds only: no number of a leg is too large for an
event.

A row of ours through several pools is no leg, and is counted: its file names no single DEX. Costs are those of two
swaps, both ways of a trip may lead through the same pool, and the planner simulates the pairs' own pools, so that what
such a leg promised would not be what is planned.
"""

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from solders.pubkey import Pubkey as SoldersPubkey

from pipeline.scanner.detect import Leg
from pipeline.scanner.partition import WHOLE, Partition
from quote_core.quote_id import LOCAL
from quote_core.tokens import Pair
from quote_core.units import AMOUNT_MAX, BPS, PPM
from quote_core.watch import watched_row_count
from shm import Flag, Quote, row_of_index

__all__ = ["Book", "PairDirection", "PairLegs"]

_SEVERAL_POOLS: Final = 0
"""`dex_id` of a local row that is not of one pool of a DEX known here; a provider's row always has it."""


class PairDirection(enum.Enum):
    """Which way a row goes."""

    FORWARD = 0
    REVERSE = 1


@dataclass(slots=True)
class PairLegs:
    """One pair's usable legs, by row."""

    pair: Pair
    forward: dict[int, Leg] = field(default_factory=dict)
    reverse: dict[int, Leg] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As it stands in subjects."""
        return f"{self.pair.base.symbol}-{self.pair.quote.symbol}"

    def legs(self, direction: PairDirection) -> dict[int, Leg]:
        """The legs of one direction."""
        return self.forward if direction is PairDirection.FORWARD else self.reverse


class Book:
    """Takes quotes as they change; a quote that may not be acted on leaves its row empty.

    Bounded by the watched rows of the two files: a row is in one direction of one pair at most.

    Args:
        pairs: The pairs watched.
        amount_count: Amounts watched of each direction.
        partition: Which of the pairs are taken; rows are numbered over all of them.
    """

    def __init__(self, pairs: Sequence[Pair], *, amount_count: int, partition: Partition = WHOLE) -> None:
        self._watched_count = watched_row_count(pair_count=len(pairs), amount_count=amount_count)
        self._directions: dict[tuple[bytes, bytes], tuple[PairLegs, PairDirection]] = {}
        self._rows: dict[int, dict[int, Leg]] = {}
        self.routed_count = 0
        """Changes of rows that were no leg because they lead through several pools."""
        for pair in filter(partition.has, pairs):
            legs = PairLegs(pair)
            base, quote = _mint_bytes(pair.base.mint), _mint_bytes(pair.quote.mint)
            self._directions[base, quote] = legs, PairDirection.FORWARD
            self._directions[quote, base] = legs, PairDirection.REVERSE

    @property
    def pair_count(self) -> int:
        """Pairs that are taken."""
        return len(self._directions) // 2

    @property
    def row_count(self) -> int:
        """Rows that hold a usable quote."""
        return len(self._rows)

    def take(self, quote: Quote) -> PairLegs | None:
        """Note a row's present content; give the pair it belongs to now, if that is watched."""
        self.drop(quote.index)
        if row_of_index(quote.index) >= self._watched_count:  # both files have the same rows
            return None
        watched = self._directions.get((quote.input_mint, quote.output_mint))
        if watched is None:
            return None
        legs, direction = watched
        if quote.source == LOCAL and quote.dex_id == _SEVERAL_POOLS:
            self.routed_count += 1
        elif _is_usable(quote):
            side = legs.legs(direction)
            side[quote.index] = _leg(quote)
            self._rows[quote.index] = side
        return legs

    def drop(self, row: int) -> None:
        """Forget a row."""
        side = self._rows.pop(row, None)
        if side is not None:
            del side[row]


def _is_usable(quote: Quote) -> bool:
    return (
        Flag.VALID in quote.flags
        and Flag.STALE not in quote.flags
        and 0 < quote.input_amount <= AMOUNT_MAX
        and 0 < quote.output_amount <= AMOUNT_MAX
        and quote.price_impact_ppm <= PPM
        and quote.confidence_bps <= BPS
    )


def _leg(quote: Quote) -> Leg:
    has_oracle = Flag.ORACLE_PRESENT in quote.flags and math.isfinite(quote.oracle_price) and quote.oracle_price > 0
    return Leg(
        row=quote.index,
        version=quote.version,
        input_amount=quote.input_amount,
        output_amount=quote.output_amount,
        vouched_unix_ns=quote.ts_ns,
        route_id=quote.route_id,
        slot=quote.slot,
        confidence_bps=quote.confidence_bps if Flag.CONFIDENCE_PRESENT in quote.flags else 0,
        price_impact_ppm=quote.price_impact_ppm,
        oracle_price=quote.oracle_price if has_oracle else None,
    )


def _mint_bytes(mint: str) -> bytes:
    return bytes(SoldersPubkey.from_string(mint))
