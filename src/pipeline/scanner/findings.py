"""Findings as events, each told once: the same gap in the same slot is no news, nor a divergence that goes on.

A finding counts as told once the bus has it (`told`): one that could not be sent is found again with the next change.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from pipeline.scanner.book import PairDirection, PairLegs
from pipeline.scanner.detect import Divergence, Leg, RoundTrip
from quote_core.clock import Clock, Moment, moment
from quote_core.events import PriceDivergence, TwoHopArbitrage, derived_id, stamp
from quote_core.freshness import Freshness

__all__ = ["Findings", "MarketFinding"]


@dataclass(frozen=True, slots=True)
class MarketFinding:
    """An event, the legs it rests on, and what makes it the same finding as another."""

    event: TwoHopArbitrage | PriceDivergence
    legs: tuple[Leg, ...]
    subject: Hashable
    content: Hashable


class Findings:
    """Remembers the last thing told of each pair and direction, and nothing older."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[Hashable, Hashable] = {}

    def told(self, finding: MarketFinding) -> None:
        """The bus has it."""
        self._told[finding.subject] = finding.content

    def two_hop(self, legs: PairLegs, trip: RoundTrip) -> MarketFinding | None:
        """The event of a round trip, or nothing when these routes were told of in this slot."""
        key = (trip.forward.route_id, trip.reverse.route_id, trip.slot)
        if self._told.get(legs.name) == key:
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
        return MarketFinding(event, (trip.forward, trip.reverse), legs.name, key)

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


def _freshness(leg: Leg, now: Moment) -> Freshness:
    """Shared memory tells the vouching by the wall clock; from here on it is a moment that outlives a step of that."""
    age_ns = max(0, now.unix_ns - leg.vouched_unix_ns)
    return Freshness(now.earlier_by(age_ns), leg.slot)
