"""The loop: whatever changed in shared memory goes into the book, and each pair it touched is looked at.

No call leaves the host and nothing queues: while a finding is being published, changes pile up in the reader, which
names each row once however often it changed. When NATS is away a finding is dropped and counted, since it would be
worthless by the time it could be sent.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from pipeline.costs import CostRates
from pipeline.scanner.book import Book, PairDirection, PairLegs
from pipeline.scanner.detect import Divergence, Leg, RoundTrip, Thresholds, best_round_trip, divergence
from pipeline.scanner.findings import Findings, MarketFinding
from pipeline.scanner.spans import in_trace
from pipeline.scanner.turn import TurnToTell
from pipeline.trading_gate import TradeGate
from quote_core.clock import Clock
from quote_core.errors import SolquoteError
from quote_core.events import Event, PriceDivergence, TwoHopArbitrage
from quote_core.health import WorkFigures
from shm import Busy, IndexOutOfRange, Liveness, NotThereYet, Quote, Role, role_of_index
from shm.view import QuoteView

__all__ = ["FINDINGS", "Publisher", "Quotes", "ScanCounts", "Scanner"]

_log: Final = structlog.get_logger()
_AHEAD_NS_MAX: Final = 100_000_000
"""How far ahead of our clock a quote may claim to be vouched for; both clocks are this host's own."""

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
    """What the scanner has done so far; what was published is in `by_kind`, too."""

    changes: int = 0
    looked_at: int = 0
    published: int = 0
    torn: int = 0
    gated: int = 0
    stood_by: int = 0
    dropped: int = 0
    implausible: int = 0
    by_kind: Counter[type[Event]] = field(default_factory=Counter)

    def work(self) -> WorkFigures:
        """The work so far."""
        return WorkFigures.now(handled_total=self.looked_at, errors_total=self.dropped + self.implausible)


FINDINGS: Final[Mapping[type[Event], str]] = {TwoHopArbitrage: "two_hop", PriceDivergence: "price_divergence"}
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
        self._findings = Findings(clock)

    async def run(self) -> None:
        """Follow changes until cancelled."""
        async with contextlib.aclosing(self._quotes.changes()) as changes:  # type: ignore[type-var]  # a generator
            async for indexes in changes:
                await self.look_at(indexes)

    async def look_at(self, indexes: Sequence[int]) -> None:
        """Take the changed rows in, and publish what their pairs now offer."""
        self.counts.changes += len(indexes)
        for legs in self._refresh(indexes):
            if not self._gate.allows_new_trades:
                self.counts.gated += 1
                continue
            if not self._turn.is_held:
                self.counts.stood_by += 1
                continue
            self.counts.looked_at += 1
            for finding in self._findings_of(legs):
                if not self._turn.is_held:  # the bus may have taken its time with the one before
                    break
                await self._tell(finding, indexes)

    def _refresh(self, indexes: Iterable[int]) -> Iterable[PairLegs]:
        touched: dict[str, PairLegs] = {}
        for index in indexes:
            try:
                legs = self._book.take(self._quotes.quote(index))
            except _UNREADABLE:
                self._book.drop(index)  # it is announced again when its writer has finished with it
                continue
            if legs is not None:
                touched[legs.name] = legs
        return touched.values()

    def _findings_of(self, legs: PairLegs) -> Iterator[MarketFinding]:
        forward, reverse = self._young(legs.forward), self._young(legs.reverse)
        trip = best_round_trip(forward, reverse, rates=self._rates, thresholds=self._thresholds)
        if trip is not None and self._is_plausible(trip):
            arbitrage = self._findings.two_hop(legs, trip)
            if arbitrage is not None and self._hold_together(*arbitrage.legs):
                yield arbitrage
        for direction, side in ((PairDirection.FORWARD, forward), (PairDirection.REVERSE, reverse)):
            tokens = legs.pair.directions()[direction.value]
            found = divergence(
                side,
                input_decimals=tokens[0].decimals,
                output_decimals=tokens[1].decimals,
                thresholds=self._thresholds,
            )
            if found is not None and not self._is_plausible(found):
                continue
            diverging = self._findings.price_divergence(legs, direction, found)
            if diverging is not None and self._hold_together(*diverging.legs):
                yield diverging

    def _young(self, side: Mapping[int, Leg]) -> list[Leg]:
        """The legs vouched for lately; what claims to be of the future is not vouched for at all."""
        now_unix_ns = self._clock.unix_ns()
        return [
            leg
            for leg in side.values()
            if -_AHEAD_NS_MAX <= now_unix_ns - leg.vouched_unix_ns <= self._quote_age_ns_max
        ]

    def _is_plausible(self, found: RoundTrip | Divergence) -> bool:
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
            self._findings.told(finding)
