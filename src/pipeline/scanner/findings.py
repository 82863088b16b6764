"""Findings as events, each told once: the same gap in the same slot is no news, nor a divergence that goes on.

A trip that goes on slot after slot is told of again only as `pipeline.scanner.dedupe` says. A finding counts as told
once the bus has it (`told`): one that could not be sent is found again with the next change.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from pipeline.scanner.book import PairDirection, PairLegs, WatchedCycle
from pipeline.scanner.cycle_trip import CycleTrip
from pipeline.scanner.dedupe import ToldLately
from pipeline.scanner.detect import Divergence, RoundTrip, SourceGap
from pipeline.scanner.trip import Leg, PricedTrip, oldest_of
from quote_core.clock import Clock, Moment, moment
from quote_core.events import (
    PriceDivergence,
    SourceDivergence,
    TriangularArbitrage,
    TwoHopArbitrage,
    derived_id,
    stamp,
)
from quote_core.freshness import Freshness

__all__ = ["Findings", "MarketEvent", "MarketFinding"]

MarketEvent = TwoHopArbitrage | TriangularArbitrage | PriceDivergence | SourceDivergence
"""What a scanner tells."""


@dataclass(frozen=True, slots=True)
class MarketFinding:
    """An event, the legs it rests on, and what makes it the same finding as another; `trip` is what it proposes."""

    event: MarketEvent
    legs: tuple[Leg, ...]
    subject: Hashable
    content: Hashable
    trip: PricedTrip | None = None


class Findings:
    """Remembers the last thing told of each pair, direction and cycle, and nothing older."""

    def __init__(self, clock: Clock, told_lately: ToldLately) -> None:
        self.repeated_count = 0
        """Trips that were found again and not told of, because the same was lately."""
        self._clock = clock
        self._told: dict[Hashable, Hashable] = {}
        self._told_lately = told_lately

    def told(self, finding: MarketFinding) -> None:
        """The bus has it."""
        self._told[finding.subject] = finding.content
        if finding.trip is not None:
            self._told_lately.told(finding.event.pair, finding.trip.amount_in, finding.trip.net_profit_lamports)

    def _is_news(self, way: str, trip: PricedTrip, key: Hashable) -> bool:
        if self._told.get(way) == key:
            return False
        is_news = self._told_lately.is_news(way, trip.amount_in, trip.net_profit_lamports)
        self.repeated_count += not is_news
        return is_news

    def two_hop(self, legs: PairLegs, trip: RoundTrip) -> MarketFinding | None:
        """The event of a round trip, or nothing when these routes were told of in this slot."""
        key = (trip.forward.route_id, trip.reverse.route_id, trip.slot)
        if not self._is_news(legs.name, trip, key):
            return None
        now, oldest = moment(self._clock), trip.oldest
        # The time of the quotes too: a recorded market lives through the same slots again after a restart.
        event_id = derived_id("two_hop", legs.name, *key, oldest.vouched_unix_ns)
        event = TwoHopArbitrage(
            header=stamp(self._clock, event_id=event_id, slot=trip.slot),
            pair=legs.name,
            input_mint=legs.pair.base.mint,
            middle_mint=legs.pair.quote.mint,
            amount_in=trip.forward.input_amount,
            amount_middle=trip.forward.output_amount,
            amount_out=trip.amount_out,
            forward_route_id=trip.forward.route_id,
            reverse_route_id=trip.reverse.route_id,
            forward_row=trip.forward.row,
            reverse_row=trip.reverse.row,
            gross_profit_lamports=trip.gross_profit_lamports,
            net_profit_lamports=trip.net_profit_lamports,
            gross_profit_bps=trip.gross_profit_bps,
            flash_fee_lamports=trip.costs.flash_fee_lamports,
            tip_lamports=trip.costs.tip_lamports,
            network_fee_lamports=trip.costs.network_fee_lamports,
            confidence_bps=min(trip.forward.confidence_bps, trip.reverse.confidence_bps),
            price_impact_ppm=trip.forward.price_impact_ppm + trip.reverse.price_impact_ppm,
            quoted_unix_ns=oldest.vouched_unix_ns,
            created=now,
            freshness=_freshness(oldest, now),
        )
        return MarketFinding(event, (trip.forward, trip.reverse), legs.name, key, trip)

    def triangular(self, cycle: WatchedCycle, trip: CycleTrip) -> MarketFinding | None:
        """The event of a trip round a cycle, or nothing when these routes were told of in this slot."""
        key = (*(leg.route_id for leg in trip.resting_on), trip.slot)
        if not self._is_news(cycle.name, trip, key):
            return None
        now, oldest = moment(self._clock), trip.oldest
        event_id = derived_id("triangular", cycle.name, *key, oldest.vouched_unix_ns)
        event = TriangularArbitrage(
            header=stamp(self._clock, event_id=event_id, slot=trip.slot),
            pair=cycle.name,
            mints=tuple(token.mint for token in cycle.tokens),
            amounts=trip.amounts,
            route_ids=tuple(leg.route_id for leg in trip.resting_on),
            rows=tuple(leg.row for leg in trip.resting_on),
            gross_profit_lamports=trip.gross_profit_lamports,
            net_profit_lamports=trip.net_profit_lamports,
            gross_profit_bps=trip.gross_profit_bps,
            flash_fee_lamports=trip.costs.flash_fee_lamports,
            tip_lamports=trip.costs.tip_lamports,
            network_fee_lamports=trip.costs.network_fee_lamports,
            confidence_bps=trip.confidence_bps,
            price_impact_ppm=trip.price_impact_ppm,
            quoted_unix_ns=oldest.vouched_unix_ns,
            created=now,
            freshness=_freshness(oldest, now),
        )
        return MarketFinding(event, trip.rows, cycle.name, key, trip)

    def price_divergence(
        self, legs: PairLegs, direction: PairDirection, found: Divergence | None
    ) -> MarketFinding | None:
        """The event of a divergence, once for as long as it lasts over the same route."""
        subject = (legs.name, direction)
        if found is None:
            self._told.pop(subject, None)
            return None
        leg = found.leg
        if self._told.get(subject) == leg.route_id:
            return None
        tokens = legs.pair.directions()[direction.value]
        event_id = derived_id(
            "price_divergence", legs.name, direction.name, leg.route_id, leg.slot, leg.vouched_unix_ns
        )
        event = PriceDivergence(
            header=stamp(self._clock, event_id=event_id, slot=leg.slot),
            pair=legs.name,
            input_mint=tokens[0].mint,
            output_mint=tokens[1].mint,
            amount_in=leg.input_amount,
            amount_out=leg.output_amount,
            route_id=leg.route_id,
            row=leg.row,
            rate=found.rate,
            oracle_price=found.oracle_price,
            divergence_bps=found.divergence_bps,
            confidence_bps=leg.confidence_bps,
            quoted_unix_ns=leg.vouched_unix_ns,
            freshness=_freshness(leg, moment(self._clock)),
        )
        return MarketFinding(event, (leg,), subject, leg.route_id)

    def source_divergence(
        self, legs: PairLegs, direction: PairDirection, gap: SourceGap | None, *, bps_min: int
    ) -> MarketFinding | None:
        """The event of two sources apart, once for as long as the same one gives more; `None` tells nothing new."""
        subject = ("source", legs.name, direction)
        if gap is None:
            return None
        if abs(gap.divergence_bps) < bps_min:
            self._told.pop(subject, None)
            return None
        more = gap.divergence_bps > 0
        if self._told.get(subject) == more:
            return None
        local, external, now = gap.local, gap.external, moment(self._clock)
        oldest, slot = oldest_of((local, external)), max(local.slot, external.slot)
        tokens = legs.pair.directions()[direction.value]
        event_id = derived_id(
            "source_divergence",
            legs.name,
            direction.name,
            local.route_id,
            external.route_id,
            slot,
            oldest.vouched_unix_ns,
        )
        event = SourceDivergence(
            header=stamp(self._clock, event_id=event_id, slot=slot),
            pair=legs.name,
            input_mint=tokens[0].mint,
            output_mint=tokens[1].mint,
            amount_in=local.input_amount,
            local_amount_out=local.output_amount,
            external_amount_out=external.output_amount,
            local_route_id=local.route_id,
            external_route_id=external.route_id,
            local_row=local.row,
            external_row=external.row,
            divergence_bps=gap.divergence_bps,
            local_confidence_bps=local.confidence_bps,
            external_confidence_bps=external.confidence_bps,
            quoted_unix_ns=oldest.vouched_unix_ns,
            created=now,
            freshness=_freshness(oldest, now),
        )
        return MarketFinding(event, (local, external), subject, more)


def _freshness(leg: Leg, now: Moment) -> Freshness:
    """Shared memory tells the vouching by the wall clock; from here on it is a moment that outlives a step of that."""
    age_ns = max(0, now.unix_ns - leg.vouched_unix_ns)
    return Freshness(now.earlier_by(age_ns), leg.slot)
