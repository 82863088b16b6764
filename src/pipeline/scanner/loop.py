"""The loop: whatever changed in shared memory goes into the book, and each pair and cycle it touched is looked at.

No call leaves the host and nothing queues: while a finding is being published, changes pile up in the reader, which
names each row once however often it changed. Looking is bounded in time, publishing apart: what is left over is looked
at after what changed meanwhile was taken in, and after what that touched, of which what waited already comes first. A
pair or cycle waits once, however often it changed. When NATS is away a finding is dropped and counted, since it would
be worthless by the time it could be sent.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from pipeline.costs import CostRates
from pipeline.scanner.book import Book, PairDirection, PairLegs, WatchedCycle
from pipeline.scanner.cycle_trip import CycleTrip, Vouched, best_cycle_trip
from pipeline.scanner.dedupe import ToldLately
from pipeline.scanner.detect import (
    Divergence,
    RoundTrip,
    SourceGap,
    Thresholds,
    best_round_trip,
    divergence,
    source_gap,
)
from pipeline.scanner.findings import Findings, MarketFinding
from pipeline.scanner.rungs import that_may_gain
from pipeline.scanner.spans import in_trace
from pipeline.scanner.trip import Leg
from pipeline.scanner.turn import TurnToTell
from pipeline.trading_gate import TradeGate
from quote_core.clock import Clock
from quote_core.errors import SolquoteError
from quote_core.events import Event, PriceDivergence, SourceDivergence, TriangularArbitrage, TwoHopArbitrage
from quote_core.health import WorkFigures
from shm import Busy, IndexOutOfRange, Liveness, NotThereYet, Quote, Role, role_of_index
from shm.view import QuoteView

__all__ = ["FINDINGS", "NO_BOUND_NS", "Publisher", "Quotes", "ScanCounts", "Scanner"]

_log: Final = structlog.get_logger()
_AHEAD_NS_MAX: Final = 100_000_000
"""How far ahead of our clock a quote may claim to be vouched for; both clocks are this host's own."""

NO_BOUND_NS: Final = 2**62
"""Looking takes as long as it takes."""

_UNREADABLE: Final = (Busy, NotThereYet, IndexOutOfRange)


class Quotes(Protocol):
    """What is used of `shm.QuoteReader`."""

    def quote(self, index: int) -> Quote:
        """A fresh copy of an entry."""
        ...

    def view(self, index: int) -> QuoteView:
        """A reused view of an entry."""
        ...

    def changes(self) -> AsyncIterator[tuple[int, ...]]:
        """Indexes of changed entries."""
        ...

    def liveness(self, role: Role) -> Liveness:
        """How a file's writer is."""
        ...


class Publisher(Protocol):
    """What is used of the bus."""

    async def publish(self, event: Event) -> None:
        """Publish an event."""
        ...


@dataclass(slots=True)
class ScanCounts:
    """What the scanner has done so far; what was published is in `by_kind`, too.

    `changes` are rows; `looked_at`, `gated` and `stood_by` are pairs; `deferred` are pairs and cycles that had to wait
    for another turn; `ruled_out` are cycles of which the rates alone say that they do not gain, `searched` the others.
    """

    changes: int = 0
    looked_at: int = 0
    published: int = 0
    torn: int = 0
    gated: int = 0
    stood_by: int = 0
    dropped: int = 0
    implausible: int = 0
    deferred: int = 0
    ruled_out: int = 0
    searched: int = 0
    by_kind: Counter[type[Event]] = field(default_factory=Counter)

    def work(self) -> WorkFigures:
        """The work so far."""
        return WorkFigures.now(handled_total=self.looked_at, errors_total=self.dropped + self.implausible)


FINDINGS: Final[Mapping[type[Event], str]] = {
    TwoHopArbitrage: "two_hop",
    TriangularArbitrage: "triangular",
    PriceDivergence: "price_divergence",
    SourceDivergence: "source_divergence",
}
"""What is found, and what it is called where findings are counted."""


class Scanner:
    """Looks at every change.

    Args:
        quotes: Shared memory.
        book: The rows watched.
        publisher: Where findings go.
        gate: Closed = rows are taken in, but nothing is looked at.
        turn: The same while another scanner tells of these pairs.
        clock: For the age of quotes and the time of findings.
        rates: What a trip costs.
        thresholds: From where on something is told.
        quote_age_ns_max: Older quotes are not looked at.
        look_ns_max: What has not been looked at after this long waits for the next turn; a turn looks at one at least.
        told_lately: Which trips are no news; without it all are.
    """

    def __init__(
        self,
        *,
        quotes: Quotes,
        book: Book,
        publisher: Publisher,
        gate: TradeGate,
        turn: TurnToTell,
        clock: Clock,
        rates: CostRates,
        thresholds: Thresholds,
        quote_age_ns_max: int,
        look_ns_max: int = NO_BOUND_NS,
        told_lately: ToldLately | None = None,
    ) -> None:
        self.counts = ScanCounts()
        self._quotes = quotes
        self._book = book
        self._publisher = publisher
        self._gate = gate
        self._turn = turn
        self._clock = clock
        self._rates = rates
        self._thresholds = thresholds
        self._quote_age_ns_max = quote_age_ns_max
        self._least_bps = max(thresholds.gross_profit_bps_min, rates.flash_loan_fee_bps)
        """Of what gains less nothing is left, or too little."""
        self._look_ns_max = look_ns_max
        self._waiting: dict[PairLegs | WatchedCycle, None] = {}
        self.findings = Findings(clock, told_lately or ToldLately(clock, window_ns=0, better_bps=0))

    async def run(self) -> None:
        """Follow changes until cancelled."""
        async with contextlib.aclosing(self._quotes.changes()) as changes:  # type: ignore[type-var]  # a generator
            following: asyncio.Future[tuple[int, ...] | None] | None = None
            try:
                while True:
                    if self._waiting:
                        following = following or asyncio.ensure_future(anext(changes, None))
                        await asyncio.wait({following}, timeout=0)
                        if not following.done():
                            await self.look()
                            continue
                    indexes = await (following or anext(changes, None))
                    following = None
                    if indexes is None:
                        return
                    await self.look_at(indexes)
            finally:
                if following is not None:  # a generator that still runs cannot be closed
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)

    async def look_at(self, indexes: Sequence[int]) -> None:
        """Take the changed rows in, and publish what their pairs and cycles now offer, and those that waited."""
        self.take_in(indexes)
        await self.look(indexes)

    def take_in(self, indexes: Sequence[int]) -> None:
        """Put the changed rows into the book; what they touch is looked at before what waits already."""
        self.counts.changes += len(indexes)
        changed: dict[PairLegs | WatchedCycle, None] = dict.fromkeys(self._refresh(indexes))
        changed.update(dict.fromkeys(self._book.changed_cycles()))
        again = {watched: None for watched in self._waiting if watched in changed}
        self._waiting = again | changed | self._waiting

    async def look(self, indexes: Sequence[int] = ()) -> None:
        """Look at what waits for as long as looking may take, and publish; `indexes` are the rows changed just now."""
        until_mono_ns, now_unix_ns = self._clock.mono_ns() + self._look_ns_max, self._clock.unix_ns()
        vouched = Vouched(
            oldest_unix_ns=now_unix_ns - self._quote_age_ns_max, newest_unix_ns=now_unix_ns + _AHEAD_NS_MAX
        )
        waiting, self._waiting = self._worth_looking_at(vouched), {}
        for place, watched in enumerate(waiting, 1):
            for finding in self._findings_of(watched, vouched):
                if not self._turn.is_held:  # the bus may have taken its time with the one before
                    break
                begun_mono_ns = self._clock.mono_ns()
                await self._tell(finding, indexes)
                until_mono_ns += self._clock.mono_ns() - begun_mono_ns
            if self._clock.mono_ns() >= until_mono_ns:
                self._waiting = dict.fromkeys(waiting[place:])
                self.counts.deferred += len(self._waiting)
                return

    def _worth_looking_at(self, vouched: Vouched) -> Sequence[PairLegs | WatchedCycle]:
        """What waits, without the cycles of which the best rates alone say that they do not gain: nearly all."""
        cycles = [watched for watched in self._waiting if isinstance(watched, WatchedCycle)]
        if not cycles or not self._gate.allows_new_trades or not self._turn.is_held:
            return tuple(self._waiting)
        places = that_may_gain([cycle.walk for cycle in cycles], self._least_bps, *vouched)
        gaining = {cycles[place] for place in places}
        self.counts.ruled_out += len(cycles) - len(gaining)
        return [watched for watched in self._waiting if watched in gaining or isinstance(watched, PairLegs)]

    def _findings_of(self, watched: PairLegs | WatchedCycle, vouched: Vouched) -> Iterable[MarketFinding]:
        counts, is_pair = self.counts, isinstance(watched, PairLegs)
        if not self._gate.allows_new_trades:
            counts.gated += is_pair
        elif not self._turn.is_held:
            counts.stood_by += is_pair
        elif isinstance(watched, PairLegs):
            counts.looked_at += 1
            return self._of_pair(watched, vouched)
        else:
            counts.searched += 1
            return self._of_cycle(watched, vouched)
        return ()

    def _refresh(self, indexes: Iterable[int]) -> Iterable[PairLegs]:
        touched: dict[str, PairLegs] = {}
        for index in indexes:
            try:
                legs = self._book.take(self._quotes.quote(index))
            except _UNREADABLE:
                self._book.drop(index)  # it is announced again when its writer has finished with it
                continue
            if legs is not None and legs.is_own:
                touched[legs.name] = legs
        return touched.values()

    def _of_pair(self, legs: PairLegs, vouched: Vouched) -> Iterator[MarketFinding]:
        if legs.walk.may_gain(self._least_bps, *vouched) and legs.begins_with_sol:
            forward, reverse = _young(legs.forward, vouched), _young(legs.reverse, vouched)
            trip = best_round_trip(forward, reverse, rates=self._rates, thresholds=self._thresholds)
            if trip is not None and self._is_plausible(trip):
                yield from self._holding(self.findings.two_hop(legs, trip))
        for direction in PairDirection:
            yield from self._holding(self._off_oracle(legs, direction, vouched))
            yield from self._holding(self._off_provider(legs, direction, vouched))

    def _off_oracle(self, legs: PairLegs, direction: PairDirection, vouched: Vouched) -> MarketFinding | None:
        smallest = legs.smallest(direction)
        if None in [leg.oracle_price for leg in smallest]:
            smallest = _young(legs.legs(direction), vouched)  # a larger one may have a price
        tokens = legs.pair.directions()[direction.value]
        found = divergence(
            smallest,
            input_decimals=tokens[0].decimals,
            output_decimals=tokens[1].decimals,
            thresholds=self._thresholds,
        )
        if found is not None and not self._is_plausible(found):
            return None
        return self.findings.price_divergence(legs, direction, found)

    def _off_provider(self, legs: PairLegs, direction: PairDirection, vouched: Vouched) -> MarketFinding | None:
        if not all(legs.ladders[direction.value]):
            return None  # one of the sources has no row at all
        young = _young(legs.legs(direction), vouched)
        gap = source_gap(
            (leg for leg in young if role_of_index(leg.row) is Role.INTERNAL),
            (leg for leg in young if role_of_index(leg.row) is Role.EXTERNAL),
        )
        if gap is not None and not self._is_plausible(gap):
            return None
        bps_min = self._thresholds.source_divergence_bps_min
        return self.findings.source_divergence(legs, direction, gap, bps_min=bps_min)

    def _of_cycle(self, cycle: WatchedCycle, vouched: Vouched) -> Iterator[MarketFinding]:
        trip = best_cycle_trip(cycle, vouched, rates=self._rates, thresholds=self._thresholds)
        if trip is not None and self._is_plausible(trip):
            yield from self._holding(self.findings.triangular(cycle, trip))

    def _holding(self, finding: MarketFinding | None) -> Iterator[MarketFinding]:
        if finding is not None and self._hold_together(*finding.legs):
            yield finding

    def _is_plausible(self, found: RoundTrip | CycleTrip | Divergence | SourceGap) -> bool:
        self.counts.implausible += not found.is_plausible
        return found.is_plausible

    def _hold_together(self, *legs: Leg) -> bool:
        """Whether the legs stand in shared memory at this moment, all of them, with a living writer.

        Each was read at another instant; equal versions now mean that they were there together.
        """
        try:
            standing = all(
                self._quotes.view(leg.row).version == leg.version
                and self._quotes.liveness(role_of_index(leg.row)) is Liveness.LIVE
                for leg in legs
            )
        except _UNREADABLE:
            standing = False
        self.counts.torn += not standing
        return standing

    async def _tell(self, finding: MarketFinding, changed_rows: Sequence[int]) -> None:
        try:
            with in_trace(finding, changed_rows) as event:
                await self._publisher.publish(event)
        except SolquoteError as error:  # the bus is away, or no event can say this
            self.counts.dropped += 1
            _log.debug("a finding could not be published", reason=str(error))
        else:
            self.counts.published += 1
            self.counts.by_kind[type(finding.event)] += 1
            self.findings.told(finding)


def _young(side: Mapping[int, Leg], vouched: Vouched) -> list[Leg]:
    """The legs vouched for lately; what claims to be of the future is not vouched for at all."""
    return [leg for leg in side.values() if vouched.oldest_unix_ns <= leg.vouched_unix_ns <= vouched.newest_unix_ns]
