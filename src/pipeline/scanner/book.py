"""The scanner's own copy of the watched rows, by pair and direction, and the cycles over them: what is looked at.

Only the platform's own rows are taken, by their numbers (`quote_core.watch`): what a client has subscribed to is
nothing to trade on. What stands in shared memory is believed within bounds only: no number of a leg is too large for an
event.

A row of ours through several pools is no leg, and is counted: its file names no single DEX. Costs are those of two
swaps, both ways of a trip may lead through the same pool, and the planner simulates the pairs' own pools, so that what
such a leg promised would not be what is planned.
"""

import enum
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from solders.pubkey import Pubkey as SoldersPubkey

from pipeline.scanner.cycles import Cycle, cycle_name, cycles_of
from pipeline.scanner.partition import WHOLE, Partition
from pipeline.scanner.rungs import Rungs, Walk
from pipeline.scanner.trip import Leg
from quote_core.quote_id import LOCAL
from quote_core.tokens import Pair, Token
from quote_core.units import AMOUNT_MAX, BPS, I64_MAX, PPM
from quote_core.watch import watched_row_count
from shm import Flag, Quote, Role, role_of_index, row_of_index

__all__ = ["Book", "PairDirection", "PairLegs", "WatchedCycle"]

_SEVERAL_POOLS: Final = 0
"""`dex_id` of a local row that is not of one pool of a DEX known here; a provider's row always has it."""


class PairDirection(enum.Enum):
    """Which way a row goes."""

    FORWARD = 0
    REVERSE = 1


def _no_ladders() -> tuple[tuple[Rungs, Rungs], tuple[Rungs, Rungs]]:
    return (Rungs(), Rungs()), (Rungs(), Rungs())


class Legs(Mapping[int, Leg]):
    """The usable quotes of one direction, by row; a leg is made of one when it is first asked for, which few are."""

    def __init__(self) -> None:
        self._quotes: dict[int, Quote] = {}
        self._made: dict[int, Leg] = {}

    def __getitem__(self, row: int) -> Leg:
        leg = self._made.get(row)
        if leg is None:
            leg = self._made[row] = _leg(self._quotes[row])
        return leg

    def __iter__(self) -> Iterator[int]:
        return iter(self._quotes)

    def __len__(self) -> int:
        return len(self._quotes)

    def put(self, quote: Quote) -> None:
        """Hold a row's present content."""
        self._quotes[quote.index] = quote
        self._made.pop(quote.index, None)

    def drop(self, row: int) -> None:
        """Forget a row."""
        del self._quotes[row]
        self._made.pop(row, None)


@dataclass(slots=True, eq=False)
class PairLegs:
    """One pair's usable legs, by row, and the same as ladders: of each direction our own rows and the providers'.

    One that is not `is_own` is followed only for the cycles through it. `walk` leads there and back.
    """

    pair: Pair
    forward: Legs = field(default_factory=Legs)
    reverse: Legs = field(default_factory=Legs)
    ladders: tuple[tuple[Rungs, Rungs], tuple[Rungs, Rungs]] = field(default_factory=_no_ladders)
    is_own: bool = True
    walk: Walk = field(init=False)

    def __post_init__(self) -> None:
        self.walk = Walk(self.ladders)

    @property
    def name(self) -> str:
        """As it stands in subjects."""
        return f"{self.pair.base.symbol}-{self.pair.quote.symbol}"

    @property
    def begins_with_sol(self) -> bool:
        """Whether a round trip may be made over it alone: costs are lamports, and the loan is of SOL."""
        return self.pair.base.category == "native"

    def legs(self, direction: PairDirection) -> Legs:
        """The legs of one direction."""
        return self.forward if direction is PairDirection.FORWARD else self.reverse

    def smallest(self, direction: PairDirection) -> list[Leg]:
        """The leg of the smallest amount of each source, of those vouched for when `walk` was last asked."""
        legs = self.legs(direction)
        return [legs[rows[0]] for rungs in self.ladders[direction.value] if (rows := rungs.rows(1))]


@dataclass(frozen=True, slots=True, eq=False)
class WatchedCycle:
    """A cycle and the rows of each of its legs."""

    tokens: Cycle
    legs: tuple[Legs, ...]
    walk: Walk

    @property
    def name(self) -> str:
        """As it stands in subjects."""
        return cycle_name(self.tokens)


class Book:
    """Takes quotes as they change; a quote that may not be acted on leaves its row empty.

    Bounded by the watched rows of the two files: a row is in one direction of one pair at most.

    Args:
        pairs: The pairs watched.
        amount_count: Amounts watched of each direction.
        partition: Which of the pairs and cycles are looked at; rows are numbered over all pairs.
        cycle_leg_count_max: Most legs of a cycle; 2 = there are none beside the round trips over one pair.
    """

    def __init__(
        self, pairs: Sequence[Pair], *, amount_count: int, partition: Partition = WHOLE, cycle_leg_count_max: int = 2
    ) -> None:
        self._watched_count = watched_row_count(pair_count=len(pairs), amount_count=amount_count)
        self._directions: dict[tuple[bytes, bytes], tuple[PairLegs, PairDirection]] = {}
        self._rows: dict[int, tuple[Legs, Rungs]] = {}
        self._changed: dict[tuple[bytes, bytes], None] = {}
        self._cycles_through: dict[tuple[bytes, bytes], list[WatchedCycle]] = {}
        self.routed_count = 0
        """Changes of rows that were no leg because they lead through several pools."""
        cycles = [each for each in cycles_of(pairs, leg_count_max=cycle_leg_count_max) if partition.has_tokens(each)]
        led_through = {frozenset(step) for cycle in cycles for step in _steps(cycle)}
        for pair in pairs:
            is_own = partition.has(pair)
            if not is_own and frozenset((pair.base, pair.quote)) not in led_through:
                continue
            legs = PairLegs(pair, is_own=is_own)
            base, quote = _mint_bytes(pair.base.mint), _mint_bytes(pair.quote.mint)
            self._directions[base, quote] = legs, PairDirection.FORWARD
            self._directions[quote, base] = legs, PairDirection.REVERSE
        self.pair_count = sum(partition.has(pair) for pair in pairs)
        """Pairs that are looked at."""
        self.cycle_count = len(cycles)
        """Cycles that are looked at."""
        for cycle in cycles:
            self._watch(cycle)

    def _watch(self, cycle: Cycle) -> None:
        keys = [(_mint_bytes(given.mint), _mint_bytes(taken.mint)) for given, taken in _steps(cycle)]
        sides = [self._directions[key] for key in keys]
        watched = WatchedCycle(
            cycle,
            tuple(legs.legs(direction) for legs, direction in sides),
            Walk([legs.ladders[direction.value] for legs, direction in sides]),
        )
        for key in keys:
            self._cycles_through.setdefault(key, []).append(watched)

    @property
    def row_count(self) -> int:
        """Rows that hold a usable quote."""
        return len(self._rows)

    def changed_cycles(self) -> Iterable[WatchedCycle]:
        """Those with a leg of which a row was taken since this was last asked, each once."""
        changed = {cycle: None for key in self._changed for cycle in self._cycles_through.get(key, ())}
        self._changed.clear()
        return changed

    def take(self, quote: Quote) -> PairLegs | None:
        """Note a row's present content; give the pair it belongs to now, if that is watched."""
        index = quote.index
        key = quote.input_mint, quote.output_mint
        watched = self._directions.get(key)
        if watched is None or row_of_index(index) >= self._watched_count:  # both files have the same rows
            self.drop(index)
            return None
        self._changed[key] = None
        legs, direction = watched
        if quote.source == LOCAL and quote.dex_id == _SEVERAL_POOLS:
            self.routed_count += 1
            self.drop(index)
        elif _is_usable(quote):
            self._hold(quote, legs.legs(direction), legs.ladders[direction.value])
        else:
            self.drop(index)
        return legs

    def _hold(self, quote: Quote, side: Legs, ladders: tuple[Rungs, Rungs]) -> None:
        index = quote.index
        held = self._rows.get(index)
        if held is None or held[0] is not side:
            self.drop(index)
            held = self._rows[index] = side, ladders[role_of_index(index) is Role.EXTERNAL]
        side.put(quote)
        held[1].put(index, quote.input_amount, quote.output_amount, quote.route_id, quote.ts_ns)

    def drop(self, row: int) -> None:
        """Forget a row."""
        held = self._rows.pop(row, None)
        if held is not None:
            side, rungs = held
            side.drop(row)
            rungs.drop(row)


def _steps(cycle: Cycle) -> Iterable[tuple[Token, Token]]:
    """What each leg takes and gives."""
    return zip(cycle, (*cycle[1:], cycle[0]), strict=True)


def _is_usable(quote: Quote) -> bool:
    return (
        quote.is_valid
        and not quote.is_stale
        and 0 < quote.input_amount <= AMOUNT_MAX
        and 0 < quote.output_amount <= AMOUNT_MAX
        and quote.price_impact_ppm <= PPM
        and quote.confidence_bps <= BPS
        and quote.ts_ns <= I64_MAX
    )


def _leg(quote: Quote) -> Leg:
    flags, oracle_price = int(quote.flags), quote.oracle_price
    has_oracle = flags & Flag.ORACLE_PRESENT.value and math.isfinite(oracle_price) and oracle_price > 0
    return Leg(
        row=quote.index,
        version=quote.version,
        input_amount=quote.input_amount,
        output_amount=quote.output_amount,
        vouched_unix_ns=quote.ts_ns,
        route_id=quote.route_id,
        slot=quote.slot,
        confidence_bps=quote.confidence_bps if flags & Flag.CONFIDENCE_PRESENT.value else 0,
        price_impact_ppm=quote.price_impact_ppm,
        oracle_price=oracle_price if has_oracle else None,
    )


def _mint_bytes(mint: str) -> bytes:
    return bytes(SoldersPubkey.from_string(mint))
